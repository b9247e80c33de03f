package redemption_test

import (
	"testing"

	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
)

// TestARedemptionThatTheTermsDoNotAllowIsNotSigned: it would be on record for ever, and
// every fiduciary would refuse it.
func TestARedemptionThatTheTermsDoNotAllowIsNotSigned(t *testing.T) {
	r := newRealm(t, 1)
	ref := r.place(what, 1)
	for name, c := range map[string]struct {
		ref      string
		receiver dag.CID
		want     fault.Kind
	}{
		"a release to a stranger":       {ref, identitytest.Keyring(t, identity.Node, "stranger", begin).Identity().Name, fault.Denied},
		"a release to the fiduciary":    {ref, r.dtas[0].custody.Identity().Name, fault.Denied},
		"of an order that nobody knows": {dag.Sum([]byte("unknown")).String(), dag.CID{}, fault.NotFound},
	} {
		if _, err := r.redeem.Redeem(t.Context(), c.ref, c.receiver, nil); fault.Of(err) != c.want {
			t.Errorf("%s: expected %s; found %v", name, c.want, err)
		}
	}
	_, links, err := r.records.History(t.Context(), principal.Role, ref)
	if err != nil {
		t.Fatal(err)
	}
	if found := links.Of(envelope.Redemption); len(found) != 0 {
		t.Errorf("expected no redemption on record; found %d", len(found))
	}
	r.gives(ref)
}

// TestARepeatIsTheSameRedemption, and another request is none.
func TestARepeatIsTheSameRedemption(t *testing.T) {
	r := newRealm(t, 1)
	ref, other := r.place(what, 1), r.place(what, 1)
	once := r.records.NewOnce("caller", "/", "key", []byte("this"))
	first := must(r.redeem.Redeem(t.Context(), ref, dag.CID{}, once))(t)
	again := must(r.redeem.Redeem(t.Context(), ref, dag.CID{}, once))(t)
	if first.Redemption != again.Redemption || first.Release != again.Release || string(again.Material.Open()) != what {
		t.Errorf("expected the first answer again; found another")
	}
	changed := r.records.NewOnce("caller", "/", "key", []byte("that"))
	if _, err := r.redeem.Redeem(t.Context(), other, dag.CID{}, changed); fault.Of(err) != fault.Conflict {
		t.Errorf("another request under the same key: expected conflict; found %v", err)
	}
	r.gives(other)
}
