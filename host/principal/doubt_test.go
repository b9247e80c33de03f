package principal_test

import (
	"errors"
	"testing"

	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// TestAPrincipalInDoubtPlacesNothingNew: a repeat gets its first answer.
func TestAPrincipalInDoubtPlacesNothingNew(t *testing.T) {
	r := newRealm(t, 1)
	req := r.request()
	req.Once = &records.Once{Caller: "alice", Path: "/v1/order", Key: "k", MAC: []byte("mac")}
	first := r.place(req)
	r.records.Accepting = func() error { return errors.New("audit log: entry 7 is missing") }
	placed := r.audited("order.placed")
	_, err := r.Place(ctx, r.request())
	wantKind(t, err, fault.Unavailable)
	_, err = r.PlaceNetwork(ctx, principal.NetworkRequest{Terms: order.NetworkTerms{}, Keepers: req.Keepers})
	wantKind(t, err, fault.Unavailable)
	if again := r.place(req); again.Reference != first.Reference {
		t.Errorf("a repeat: expected order %s; found %s", first.Reference, again.Reference)
	}
	if got := r.audited("order.placed"); got != placed {
		t.Errorf("%d orders were placed", got-placed)
	}
}
