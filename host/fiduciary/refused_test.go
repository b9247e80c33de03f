package fiduciary_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

func TestRequestsThatAreRefused(t *testing.T) {
	r := newRealm(t, 2)
	d, other := r.dtas[0], r.dtas[1]
	n := r.foundOf(true, d)
	foreign := r.foundOf(true, other)
	// forged seals any body, for any readers and times.
	forged := func(kind envelope.Kind, by *identity.Keyring, previous dag.CID, begin time.Time, readers ...*identity.Identity) *inquiry {
		if readers == nil {
			readers = []*identity.Identity{by.Identity(), d.node.Identity(), r.registrar.Identity()}
		}
		sealed := must(envelope.Seal(by, envelope.Draft{
			Kind: kind, Recipients: once(readers...), Time: begin, Expires: begin.Add(time.Minute), Previous: []dag.CID{previous},
			Body: issue.Approved{Version: issue.Version},
		}))(t)
		return &inquiry{network: n, Sealed: sealed, by: by, bag: r.everybody(by.Identity()).With(sealed.Block)}
	}
	// copied signs what the authority has approved as somebody else's request.
	copied := func(by *identity.Keyring, approve func(*issue.Asked) []issue.Approval) *inquiry {
		q := n.ask(clients(1, "alice"), r.registrar)
		who := must(order.PartiesOf(q.identities()...))(t)
		asked := must(issue.OpenRequest(r.registrar, n.Order, q.Block, who))(t)
		approvals := asked.Approvals()
		if approve != nil {
			approvals = approve(asked.Request())
		}
		sealed := must(envelope.Seal(by, envelope.Draft{
			Kind: envelope.Request, Recipients: once(by.Identity(), d.node.Identity(), r.registrar.Identity()),
			Time: r.now(), Expires: r.now().Add(time.Minute), Previous: []dag.CID{n.Order.CID()},
			Body: issue.Approved{Version: issue.Version, Request: asked.Request().Request, Approvals: approvals, Roll: asked.Roll(), Key: make([]byte, 32)},
		}))(t)
		return &inquiry{network: n, Sealed: sealed, by: by, bag: r.everybody(by.Identity()).With(sealed.Block)}
	}
	without := n.ask(clients(1, "alice"), r.registrar)
	without.bag = r.everybody()
	unknown := must(order.MadeOrder(r.place(r.terms(true), d).Envelope, r.parties()))(t)
	for _, test := range []struct {
		name string
		q    *inquiry
		want fault.Kind
	}{
		{"without its block", without, fault.Invalid},
		{"another kind of envelope", forged(envelope.Revocation, r.registrar, n.Order.CID(), r.now()), fault.Invalid},
		{"of an order that is not known here", forged(envelope.Request, r.registrar, unknown.CID(), r.now()), fault.NotFound},
		{"of an acceptance instead of an order", forged(envelope.Request, r.registrar, n.Acceptances[0].CID(), r.now()), fault.Denied},
		{"to other D-TAs", foreign.ask(clients(1, "alice"), r.registrar), fault.Denied},
		{"of other D-TAs' network, shown here", forged(envelope.Request, r.registrar, foreign.Order.CID(), r.now()), fault.NotFound},
		{"that has expired", forged(envelope.Request, r.registrar, n.Order.CID(), r.now().Add(-time.Hour)), fault.Invalid},
		{"of a time to come", forged(envelope.Request, r.registrar, n.Order.CID(), r.now().Add(time.Hour)), fault.Invalid},
		{"with nothing in it", forged(envelope.Request, r.registrar, n.Order.CID(), r.now()), fault.Unsupported},
		{"that a stranger approved", copied(r.stranger, func(q *issue.Asked) []issue.Approval {
			signed := must(q.Request.Marshal())(t)
			return []issue.Approval{{Signer: r.stranger.Identity().Party(), Signature: r.stranger.Sign(sign.Approval, signed)}}
		}), fault.Denied},
		{"by a stranger who copied the approvals", copied(r.stranger, nil), fault.Denied},
		{"by an authority over something else who copied the approvals", copied(r.cosigner, nil), fault.Denied},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, err := test.q.to(d)
			wantKind(t, err, test.want)
			if answer.Blocks.Len() != 0 || d.plugin.issued.Load() != 0 || d.audited("network.granted") != 0 {
				t.Errorf("found %d blocks; the plugin was asked %d times", answer.Blocks.Len(), d.plugin.issued.Load())
			}
		})
	}
	n.revoke(d, "zoe", 1)
	links := must(d.records.Envelopes(ctx, records.Key(n.Order)))(t)
	revocation := n.revocation(r.registrar, "zoe", 1)
	if err := d.FulfillRevocation(ctx, revocation); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]string{"no CID": "x", "an order that was answered": links[0].CID.String(), "a revocation": revocation.RevocationCID} {
		if _, err := d.FulfillRequest(ctx, peer.FulfillRequest{RequestCID: c}); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: expected invalid; found %v", name, err)
		}
	}
}

// A request that was approved in time may be brought too late: the plugin is not
// asked.
func TestAnExpiredRequestIsRefused(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q, permits := n.ask(clients(1, "alice"), r.registrar), n.ask(n.permits(1, "alice"), r.cosigner)
	r.advance(issue.Life + time.Second)
	for _, q := range []*inquiry{q, permits} {
		_, err := q.to(d)
		wantKind(t, err, fault.Invalid)
	}
	// It may expire while the plugin computes.
	late := n.ask(clients(1, "bob"), r.registrar)
	d.plugin.during = func() { d.plugin.during = nil }
	bend := func(_ *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued {
		r.advance(issue.Life + time.Second)
		return i
	}
	d.plugin.bend = bend
	_, err := late.to(d)
	wantKind(t, err, fault.Denied)
	if d.plugin.issued.Load() != 1 || d.audited("network.granted") != 0 {
		t.Errorf("found %d calls and %d audit entries", d.plugin.issued.Load(), d.audited("network.granted"))
	}
}

func TestEveryChangedByteOfARequestIsNoticed(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	step := 1 + len(q.Block)/400
	for i := 0; i < len(q.Block); i += step {
		block := bytes.Clone(q.Block)
		block[i] ^= 1 << (i % 8)
		// As it was named, it is not there; under its own name it does not hold.
		for _, c := range []dag.CID{q.CID, dag.Sum(block)} {
			_, err := d.FulfillRequest(ctx, peer.FulfillRequest{RequestCID: c.String(), Blocks: r.everybody().With(block)})
			if !fault.Of(err).Final() {
				t.Fatalf("byte %d: expected a refusal; found %v", i, err)
			}
		}
	}
	if d.plugin.issued.Load() != 0 {
		t.Errorf("the plugin was asked %d times", d.plugin.issued.Load())
	}
	must(q.to(d))(t)
}

// TestAReplacedKeyAsksForNothing: the D-TA knows of the newer document, whoever
// asks does not show it.
func TestAReplacedKeyAsksForNothing(t *testing.T) {
	r := newRealm(t, 1)
	old, next, err := identity.Create(identity.Node, "registrar", begin)
	if err != nil {
		t.Fatal(err)
	}
	r.registrar = old
	r.dtas[0].restart() // which now serves this registrar
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	renewed, after, err := old.Rotate(next, r.now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	d.meet(renewed.Identity())
	_, err = q.to(d)
	wantKind(t, err, fault.Denied)
	if d.plugin.issued.Load() != 0 {
		t.Error("the plugin was asked")
	}
}

// TestStrangersDoNotFillTheNode: as many as are looked at at once is bounded, and
// those who are known do not wait for them.
func TestStrangersDoNotFillTheNode(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	const crowd = 24
	var kinds [crowd]fault.Kind
	var all sync.WaitGroup
	for i := range kinds {
		k := identitytest.Keyring(t, identity.Node, "crowd", begin)
		sealed := must(envelope.Seal(k, envelope.Draft{
			Kind: envelope.Request, Recipients: once(k.Identity(), d.node.Identity(), r.registrar.Identity()),
			Time: r.now(), Expires: r.now().Add(time.Minute), Previous: []dag.CID{n.Order.CID()}, Body: issue.Approved{Version: issue.Version},
		}))(t)
		q := &inquiry{network: n, Sealed: sealed, by: k, bag: r.everybody(k.Identity()).With(sealed.Block)}
		all.Go(func() {
			_, err := q.to(d)
			kinds[i] = fault.Of(err)
		})
	}
	all.Wait()
	for i, kind := range kinds {
		if kind != fault.Unsupported && kind != fault.Busy {
			t.Errorf("stranger %d: found %q", i, kind)
		}
	}
	must(n.ask(clients(1, "alice"), r.registrar).to(d))(t)
}

// once leaves out who is listed already.
func once(ids ...*identity.Identity) (out []*identity.Identity) {
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
