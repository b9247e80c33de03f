package hostile

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// showOthers shows documents in other calls than those that name them: what was shown before decides nothing, and what
// was not shown is believed nowhere.
func (x *cast) showOthers(t *testing.T) {
	old, next, err := identity.Create(identity.Node, "receiver", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// One announced key signs two documents: one is a thief's.
	rotated, after, err := old.Rotate(next, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	fork, after, err := old.Rotate(next, time.Now().Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	next.Clear()
	x.Know(old.Identity())
	o := x.Order(t, x.canary("secret of one who will rotate"), func(p *order.Plan) {
		p.Redeemers[1], p.Receivers[0] = old.Identity(), old.Identity()
	})
	o.Beneficiary = old
	k := x.Keep(t, o)
	before := k.Redeem(t, k.Principal) // sealed to the receiver's newest document
	ask := before.Ask()
	for _, id := range []*identity.Identity{rotated.Identity(), fork.Identity()} {
		if _, err := x.Custody.Show(t.Context(), &contract.ShowRequest{Chain: id.Blocks()}); err != nil {
			t.Fatalf("showing a chain: %v", err)
		}
	}

	t.Run("an older document than was shown is named", func(t *testing.T) {
		got, err := x.Custody.Restore(t.Context(), ask)
		if err != nil {
			t.Fatalf("what other calls showed spoils this one: %v", err)
		}
		if string(before.Open(t, got)) != string(before.Secret) {
			t.Error("another secret came back")
		}
	})
	t.Run("an older document than a part records is named", func(t *testing.T) {
		o := x.Order(t, x.canary("secret of one who has rotated"), func(p *order.Plan) {
			p.Redeemers[1], p.Receivers[0] = rotated.Identity(), rotated.Identity()
			x.Know(rotated.Identity())
		})
		o.Beneficiary = rotated
		k := x.Keep(t, o)
		req := k.Redeem(t, k.Principal).Ask()
		x.restore(t, "a document behind the one on record", withOnly(req, x.Document(old.Identity()), rotated.Identity()), nil)
	})
	t.Run("both ends of a fork are named", func(t *testing.T) {
		req := before.Ask()
		req.Documents = append(req.Documents, x.Document(rotated.Identity()), x.Document(fork.Identity()))
		x.restore(t, "a fork", req, nil)
	})
	t.Run("a document is named and never shown", func(t *testing.T) {
		nobody := dag.Sum([]byte("nobody's"))
		req := before.Ask()
		req.Documents = append(req.Documents, nobody.Bytes())
		got, err := x.Custody.Restore(t.Context(), req)
		x.refused(t, "a document that nobody has", got, err, fault.NotFound)
		if missing := fault.Missing(err); !slices.Equal(missing, []string{nobody.String()}) {
			t.Errorf("expected %s to be missing; got %v", nobody, missing)
		}
	})
	t.Run("a chain that does not hold is shown", func(t *testing.T) {
		chain := slices.Clone(rotated.Identity().Blocks())
		forged := bytes.Clone(chain[1])
		forged[len(forged)/2] ^= 1
		chain[1] = forged
		for what, c := range map[string][][]byte{
			"a changed document": chain, "a chain without its first document": chain[1:],
			"a chain of two parties": {old.Identity().Blocks()[0], x.stranger.Identity().Blocks()[0]}, "nothing": nil,
		} {
			got, err := x.Custody.Show(t.Context(), &contract.ShowRequest{Chain: c})
			x.refused(t, what, got, err, fault.Invalid)
		}
		req := before.Ask()
		req.Documents = append(req.Documents, dag.Sum(forged).Bytes())
		got, err := x.Custody.Restore(t.Context(), req)
		x.refused(t, "a document that was refused", got, err, fault.NotFound)
	})
	if got, err := x.Custody.Restore(t.Context(), ask); err != nil {
		t.Errorf("the truth, after all of it: %v", err)
	} else if string(before.Open(t, got)) != string(before.Secret) {
		t.Error("another secret came back, after all of it")
	}
}

// withOnly names one document of a party in place of all that a request names of it.
func withOnly(req *contract.RestoreRequest, document []byte, of *identity.Identity) *contract.RestoreRequest {
	named := of.Documents()
	req.Documents = slices.DeleteFunc(slices.Clone(req.Documents), func(d []byte) bool {
		return slices.ContainsFunc(named, func(c dag.CID) bool { return bytes.Equal(c.Bytes(), d) })
	})
	req.Documents = append(req.Documents, document)
	return req
}
