package principal_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// once is a request with an Idempotency-Key.
func (r *realm) once(caller, path, key, body string) principal.Request {
	req := r.request()
	req.Once = r.records.NewOnce(caller, path, key, []byte(body))
	return req
}

func TestARepeatedRequestIsOneOrder(t *testing.T) {
	r := newRealm(t, 2)
	first := r.place(r.once("anna", "/v1/order", "key", "body"))
	for _, alone := range []bool{false, true} {
		if alone { // it answers from what is on record, of fiduciaries that it no longer knows
			r.peers = nil
			r.restart()
		}
		again := r.place(r.once("anna", "/v1/order", "key", "body"))
		if d := cmp.Diff(first, again, cmp.Comparer(func(a, b dag.CID) bool { return a == b })); d != "" {
			t.Error(d)
		}
	}
	for _, d := range r.dtas {
		if d.times() != 1 || len(d.kept) != 1 {
			t.Errorf("expected one order to be sent once; found %d, sent %d times", len(d.kept), d.times())
		}
	}
}

func TestWhatIsNoRepeatIsAnOrderOfItsOwn(t *testing.T) {
	r := newRealm(t, 1)
	first := r.place(r.once("anna", "/v1/order", "key", "body"))
	for name, req := range map[string]principal.Request{
		"another key":    r.once("anna", "/v1/order", "yek", "body"),
		"another caller": r.once("ben", "/v1/order", "key", "body"),
		"another path":   r.once("anna", "/v1/redro", "key", "body"),
		"no key":         r.request(),
	} {
		if got := r.place(req); got.Reference == first.Reference {
			t.Errorf("%s: it is the order placed first", name)
		}
	}
	_, err := r.Place(ctx, r.once("anna", "/v1/order", "key", "another body"))
	wantKind(t, err, fault.Conflict)
	if n := len(r.dtas[0].kept); n != 5 {
		t.Errorf("expected 5 orders; found %d", n)
	}
}

func TestRequestsAtTheSameTimeAreOneOrder(t *testing.T) {
	r := newRealm(t, 1)
	var all sync.WaitGroup
	got := make([]principal.Placed, 8)
	for i := range got {
		all.Go(func() {
			var err error
			if got[i], err = r.Place(ctx, r.once("anna", "/v1/order", "key", "body")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, p := range got {
		if p.Reference != got[0].Reference || p.State != order.Accepted {
			t.Errorf("expected %s accepted; found %s %s", got[0].Reference, p.Reference, p.State)
		}
	}
	if n := len(r.dtas[0].kept); n != 1 {
		t.Errorf("expected 1 order; found %d", n)
	}
}

func TestARepeatGoesOnWithAnOrderThatIsNotAccepted(t *testing.T) {
	r := newRealm(t, 1)
	r.dtas[0].behaves(fault.New(fault.Unavailable, "it is away"), nil)
	first := r.place(r.once("anna", "/v1/order", "key", "body"))
	if first.State != order.Ordered {
		t.Errorf("found it %s", first.State)
	}
	r.dtas[0].behaves(nil, nil)
	again := r.place(r.once("anna", "/v1/order", "key", "body"))
	if again.Reference != first.Reference || again.State != order.Accepted || again.Commitment == nil {
		t.Errorf("expected %s accepted; found %s %s", first.Reference, again.Reference, again.State)
	}
}

func TestARepeatOfWhatWasRefusedIsTheRefusal(t *testing.T) {
	r := newRealm(t, 1)
	r.dtas[0].behaves(fault.New(fault.Unsupported, "not this one"), nil)
	_, first := r.Place(ctx, r.once("anna", "/v1/order", "key", "body"))
	r.dtas[0].behaves(nil, nil)
	_, again := r.Place(ctx, r.once("anna", "/v1/order", "key", "body"))
	wantKind(t, again, fault.Unsupported)
	if again == nil || again.Error() != first.Error() {
		t.Errorf("expected %v; found %v", first, again)
	}
	if n := r.dtas[0].times(); n != 1 {
		t.Errorf("expected one call; found %d", n)
	}
}

func TestAKeyIsForgottenOnlyAfterItsTime(t *testing.T) {
	r := newRealm(t, 1)
	first := r.place(r.once("anna", "/v1/order", "key", "body"))
	r.advance(records.OnceLife - 1)
	if got := r.place(r.once("anna", "/v1/order", "key", "body")); got.Reference != first.Reference {
		t.Error("it was another order a moment before the key's end")
	}
}

// TestARequestThatCouldNotBePlacedLeavesItsKeyFree: nothing was ordered under it.
func TestARequestThatCouldNotBePlacedLeavesItsKeyFree(t *testing.T) {
	r := newRealm(t, 1)
	unknown := r.once("anna", "/v1/order", "key", "body")
	unknown.Keepers = []principal.Keeper{{Fiduciary: "nobody"}}
	_, err := r.Place(ctx, unknown)
	wantKind(t, err, fault.NotFound)
	r.place(r.once("anna", "/v1/order", "key", "another body"))
}
