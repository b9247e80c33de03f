package fiduciary_test

import (
	"testing"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// TestNewsOfANetworkHoldsTogether: a grant comes with its request and the
// acceptance it rests upon, all of one network.
func TestNewsOfANetworkHoldsTogether(t *testing.T) {
	r := newRealm(t, 2)
	n, other := r.found(true), r.found(true)
	a, b := r.dtas[0], r.dtas[1]
	q := n.ask(clients(1, "alice"), r.registrar)
	g, _ := q.read(a, must(q.to(a))(t))
	theirs, _ := q.read(b, must(q.to(b))(t))
	foreign := other.ask(clients(1, "alice"), r.registrar)
	foreignGrant, _ := foreign.read(a, must(foreign.to(a))(t))
	revocation := n.revocation(r.cosigner, "alice", 1)
	revoked := must(dag.Parse(revocation.RevocationCID))(t)

	bag := r.everybody().With(n.Order.Block(), other.Order.Block(), q.Block, g.Block(), theirs.Block(), foreign.Block, foreignGrant.Block())
	for _, x := range []*network{n, other} {
		for _, accepted := range x.Acceptances {
			bag.Add(accepted.Block())
		}
	}
	block, _ := revocation.Blocks.Get(revoked)
	bag.Add(block)

	first, second := n.acceptance(a).CID(), n.acceptance(b).CID()
	for _, test := range []struct {
		name      string
		envelopes []dag.CID
		want      fault.Kind
	}{
		{"a grant", []dag.CID{n.Order.CID(), first, q.CID, g.CID()}, ""},
		{"a grant, in another sequence", []dag.CID{g.CID(), q.CID, n.Order.CID(), first}, ""},
		{"a revocation", []dag.CID{n.Order.CID(), revoked}, ""},
		{"a request without a grant", []dag.CID{n.Order.CID(), first, q.CID}, fault.Invalid},
		{"a grant without its request", []dag.CID{n.Order.CID(), first, g.CID()}, fault.Invalid},
		{"a grant without an acceptance", []dag.CID{n.Order.CID(), q.CID, g.CID()}, fault.Invalid},
		{"a grant with two acceptances", []dag.CID{n.Order.CID(), first, second, q.CID, g.CID()}, fault.Invalid},
		{"two grants", []dag.CID{n.Order.CID(), first, q.CID, g.CID(), theirs.CID()}, fault.Invalid},
		{"another D-TA's grant", []dag.CID{n.Order.CID(), first, q.CID, theirs.CID()}, fault.Denied},
		{"another network's request", []dag.CID{n.Order.CID(), first, foreign.CID, foreignGrant.CID()}, fault.Invalid},
		{"another network's grant", []dag.CID{n.Order.CID(), first, q.CID, foreignGrant.CID()}, fault.Invalid},
		{"another network's revocation", []dag.CID{other.Order.CID(), revoked}, fault.Invalid},
		{"a revocation twice", []dag.CID{n.Order.CID(), revoked, revoked}, fault.Invalid},
		{"no order", []dag.CID{first, q.CID, g.CID()}, fault.Invalid},
		{"two orders", []dag.CID{n.Order.CID(), other.Order.CID()}, fault.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Twice: what one network's parts were verified for is remembered, and
			// not believed in another's.
			registrar := r.stored(t, n)
			notice := peer.Notice{Blocks: bag}
			for _, c := range test.envelopes {
				notice.Envelopes = append(notice.Envelopes, c.String())
			}
			for range 2 {
				_, err := registrar.Verify(ctx, notice)
				wantKind(t, err, test.want)
			}
		})
	}
}

// TestAPartOfOneNetworkIsNotBelievedInAnother, although it is remembered as verified.
func TestAPartOfOneNetworkIsNotBelievedInAnother(t *testing.T) {
	r := newRealm(t, 1)
	n, other, d := r.found(true), r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	must(q.to(d))(t)
	if _, err := d.records.Request(ctx, n.Order, q.CID, peer.Bag{}); err != nil {
		t.Fatal(err)
	}
	_, err := d.records.Request(ctx, other.Order, q.CID, peer.Bag{})
	wantKind(t, err, fault.Invalid)
	_, err = d.records.Revocation(ctx, n.Order, q.CID, peer.Bag{})
	wantKind(t, err, fault.Invalid)
	if a, b := records.Chapter(n.Order, q.CID), records.Chapter(other.Order, q.CID); a == b {
		t.Error("two networks share a chapter")
	}
}
