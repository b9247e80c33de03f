package fiduciary_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/peer"
)

func (d *dta) revocations(n *network) (count int) {
	d.view(func(tx *store.Tx) (err error) {
		count, err = tx.CountEnrolments(fiduciary.Role, records.Key(n.Order), "revoked")
		return err
	})
	return count
}

func TestARevocationIsRememberedForEver(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	revocation := n.revocation(r.registrar, "alice", 1)
	for range 3 {
		if err := d.FulfillRevocation(ctx, revocation); err != nil {
			t.Fatal(err)
		}
		d.restart()
		_, err := n.ask(clients(1, "alice"), r.registrar).to(d)
		wantKind(t, err, fault.Denied)
		r.advance(issue.RevocationLife) // a repeat is no question of time
	}
	if err := d.FulfillRevocation(ctx, peer.FulfillRevocation{RevocationCID: revocation.RevocationCID}); err != nil {
		t.Errorf("by its name alone: %v", err)
	}
	if d.audited("network.revoked") != 1 || d.revocations(n) != 1 {
		t.Errorf("expected one of each; found %d audit entries and %d revocations", d.audited("network.revoked"), d.revocations(n))
	}
}

// A node may be registrar and D-TA of one network: what it has written down in one
// role is not yet done in the other.
func TestARevocationThatTheNodeItselfMadeCounts(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	revocation := n.revocation(r.registrar, "alice", 1)
	c := must(dag.Parse(revocation.RevocationCID))(t)
	block, _ := revocation.Blocks.Get(c)
	err := d.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Envelope(records.Chapter(n.Order, c), envelope.Revocation, c, block, n.Order.Terms().Publish); err != nil {
			return err
		}
		return w.Audit("test", dag.CID{}, "", dag.CID{}, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.FulfillRevocation(ctx, revocation); err != nil {
		t.Fatal(err)
	}
	_, err = n.ask(clients(1, "alice"), r.registrar).to(d)
	wantKind(t, err, fault.Denied)
}

func TestEqualRevocationsAtOnceAreOne(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	revocation := n.revocation(r.registrar, "alice", 1)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if err := d.FulfillRevocation(ctx, revocation); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if d.audited("network.revoked") != 1 || d.revocations(n) != 1 {
		t.Errorf("expected one of each; found %d audit entries and %d revocations", d.audited("network.revoked"), d.revocations(n))
	}
}

func TestRevocationsInAnyOrderCoverTheHighest(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	for _, number := range []uint64{2, 5, 1, 5} {
		n.revoke(d, "alice", number)
	}
	for number, want := range map[uint64]fault.Kind{1: fault.Denied, 4: fault.Denied, 5: fault.Denied, 6: ""} {
		if _, err := n.ask(clients(number, "alice"), r.registrar).to(d); fault.Of(err) != want {
			t.Errorf("enrolment %d: expected %q; found %v", number, want, err)
		}
	}
	n.revoke(d, "alice", ^uint64(0)) // every enrolment there can be
	_, err := n.ask(clients(^uint64(0)-1, "alice"), r.registrar).to(d)
	wantKind(t, err, fault.Denied)
}

func TestTheRegistrarIsToldWhomAnotherRevoked(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	n.revoke(d, "bob", 1) // which it knows
	if err := d.FulfillRevocation(ctx, n.revocation(r.cosigner, "alice", 1)); err != nil {
		t.Fatal(err)
	}
	notice := d.await(1)[0]
	registrar := r.stored(t, n)
	news := must(registrar.Verify(ctx, notice))(t)
	if news.Revocation == nil || !news.Revocation.Covers(issue.Subject{Name: "alice", Enrolment: 1}) || len(d.told.list()) != 1 {
		t.Fatalf("found %+v", news)
	}
	if err := registrar.Learn(ctx, "principal", records.Key(n.Order), news); err != nil {
		t.Fatal(err)
	}
	if links := must(registrar.Envelopes(ctx, records.Chapter(n.Order, news.Revocation.CID())))(t); len(links) != 1 {
		t.Errorf("found %v", links)
	}
}

func TestRevocationsThatAreRefused(t *testing.T) {
	r := newRealm(t, 2)
	d, other := r.dtas[0], r.dtas[1]
	n, foreign := r.foundOf(true, d), r.foundOf(true, other)
	unrevocable := r.foundOf(false, d)
	// forged says what another network's or nobody's revocation would.
	forged := func(by *identity.Keyring, in *network, body issue.Revocation, begin time.Time) peer.FulfillRevocation {
		readers := once(by.Identity(), d.node.Identity(), r.registrar.Identity())
		sealed := must(envelope.Seal(by, envelope.Draft{
			Kind: envelope.Revocation, Recipients: readers, Time: begin, Expires: begin.Add(issue.RevocationLife), Previous: []dag.CID{in.Order.CID()}, Body: body,
		}))(t)
		return peer.FulfillRevocation{RevocationCID: sealed.CID.String(), Blocks: r.everybody(by.Identity()).With(sealed.Block)}
	}
	body := func(in *network) issue.Revocation {
		return issue.Revocation{Version: issue.Version, Order: in.Order.CID(), Terms: in.Order.TermsCID().Bytes(), Subject: make([]byte, 32), Enrolment: 1}
	}
	without := n.revocation(r.registrar, "alice", 1)
	without.Blocks = r.everybody()
	request := n.ask(clients(1, "alice"), r.registrar)
	for _, test := range []struct {
		name string
		req  peer.FulfillRevocation
		want fault.Kind
	}{
		{"without its block", without, fault.Invalid},
		{"no CID", peer.FulfillRevocation{RevocationCID: "x"}, fault.Invalid},
		{"a request", peer.FulfillRevocation{RevocationCID: request.CID.String(), Blocks: request.bag}, fault.Invalid},
		{"the order", peer.FulfillRevocation{RevocationCID: n.Order.CID().String(), Blocks: r.everybody().With(n.Order.Block())}, fault.Invalid},
		{"to other D-TAs", foreign.revocation(r.registrar, "alice", 1), fault.Denied},
		{"of a network that is not known here", forged(r.registrar, foreign, body(foreign), r.now()), fault.NotFound},
		{"in a network without permits", forged(r.registrar, unrevocable, body(unrevocable), r.now()), fault.Unsupported},
		{"that names another network", forged(r.registrar, n, body(foreign), r.now()), fault.Invalid},
		{"by a stranger", forged(r.stranger, n, body(n), r.now()), fault.Denied},
		{"that has expired", forged(r.registrar, n, body(n), r.now().Add(-issue.RevocationLife-time.Minute)), fault.Invalid},
		{"of a time to come", forged(r.registrar, n, body(n), r.now().Add(time.Hour)), fault.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) { wantKind(t, d.FulfillRevocation(ctx, test.req), test.want) })
	}
	if d.revocations(n) != 0 || d.audited("network.revoked") != 0 {
		t.Error("something was recorded")
	}
	must(request.to(d))(t)
}

func TestEveryChangedByteOfARevocationIsNoticed(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	req := n.revocation(r.registrar, "alice", 1)
	whole, _ := req.Blocks.Get(must(dag.Parse(req.RevocationCID))(t))
	step := 1 + len(whole)/300
	for i := 0; i < len(whole); i += step {
		block := bytes.Clone(whole)
		block[i] ^= 1 << (i % 8)
		for _, c := range []string{req.RevocationCID, dag.Sum(block).String()} {
			err := d.FulfillRevocation(ctx, peer.FulfillRevocation{RevocationCID: c, Blocks: r.everybody().With(block)})
			if !fault.Of(err).Final() {
				t.Fatalf("byte %d: expected a refusal; found %v", i, err)
			}
		}
	}
	if d.revocations(n) != 0 {
		t.Error("something was recorded")
	}
}
