package principal_test

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
)

func TestARequestThatNobodyCanFulfilIsNotPlaced(t *testing.T) {
	r := newRealm(t, 4)
	for _, test := range []struct {
		name   string
		change func(*principal.Request)
		kind   fault.Kind
	}{
		{"by nobody", func(q *principal.Request) { q.Keepers = nil }, fault.Invalid},
		{"by whom this node does not know", func(q *principal.Request) { q.Keepers[0].Fiduciary = "nobody" }, fault.NotFound},
		{"by one that is not named where there are several", func(q *principal.Request) { q.Keepers[0].Fiduciary = "" }, fault.Invalid},
		{"by a custody that is not offered", func(q *principal.Request) { q.Keepers[0].Custody = "cellar" }, fault.NotFound},
		{"by one node twice", func(q *principal.Request) { q.Keepers[1] = q.Keepers[0] }, fault.Invalid},
		{"by one node twice, under two names", func(q *principal.Request) { q.Keepers[1].Fiduciary = r.dtas[0].node.Identity().Name.String() }, fault.Invalid},
		{"by more than an offer stands beside", func(q *principal.Request) { q.Keepers = append(q.Keepers, principal.Keeper{Fiduciary: "dta-4"}) }, fault.Invalid},
		{"a larger secret than an offer takes", func(q *principal.Request) { q.Secret = secret.Copy(make([]byte, 101)) }, fault.Invalid},
		{"to be given back by more than keep it", func(q *principal.Request) { q.Threshold = 4 }, fault.Invalid},
		{"a key that several make", func(q *principal.Request) { q.Secret = nil }, fault.Unsupported},
		{"a key of a type that is not offered", func(q *principal.Request) {
			q.Secret, q.Keepers, q.KeyType = nil, q.Keepers[:1], keytype.Ed25519
		}, fault.Unsupported},
		{"a secret of a key type", func(q *principal.Request) { q.KeyType = keytype.Secp256k1 }, fault.Invalid},
		{"for whom this node does not know", func(q *principal.Request) { q.Beneficiary = dag.Sum([]byte("nobody")) }, fault.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := r.request()
			req.Keepers = req.Keepers[:3]
			test.change(&req)
			_, err := r.Place(ctx, req)
			wantKind(t, err, test.kind)
		})
	}
	for _, d := range r.dtas {
		if d.times() != 0 {
			t.Errorf("%s heard of one of them", d.alias)
		}
	}
	if n := r.audited("order.placed"); n != 0 {
		t.Errorf("%d of them are on record", n)
	}
}

func TestOnlyAPinnedCustodyIdentityIsReliedUpon(t *testing.T) {
	r := newRealm(t, 1)
	r.peers[0].Pinned = []dag.CID{dag.Sum([]byte("another"))}
	_, err := r.Place(ctx, r.request())
	wantKind(t, err, fault.NotFound)
}

func TestTheCustodyIdentityOfTheFirstUseStays(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	use := func() (principal.Placed, error) {
		p := d.peer()
		p.Pinned, p.FirstUse = nil, true
		r.peers[0] = p
		r.restart() // no offer is remembered
		return r.Place(ctx, r.request())
	}
	for range 2 {
		if got := must(use())(t); got.State != order.Accepted {
			t.Errorf("found it %s", got.State)
		}
	}
	if n := r.audited("custody.first-use"); n != 1 {
		t.Errorf("expected one entry of the first use; found %d", n)
	}
	first, another := d.custody, identitytest.Keyring(t, identity.Custody, "another", begin)
	d.offers("cellar", first)
	if got := must(use())(t); got.State != order.Accepted {
		t.Errorf("under another name: found it %s", got.State)
	}
	// The name of an instance is its host's choice, and so is a peer's alias this node's.
	for _, instance := range []string{"vault", "attic"} {
		d.offers(instance, another)
		asked := d.times()
		_, err := use()
		wantKind(t, err, fault.Denied)
		d.alias = "renamed"
		_, err = use()
		wantKind(t, err, fault.Denied)
		if d.times() != asked {
			t.Errorf("%s: the order was sent", instance)
		}
	}
}
