package fiduciary_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

func TestWhatAllDTAsGrantAddsUp(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(true)
	for name, q := range map[string]*inquiry{
		"a client secret":  n.ask(clients(1, "alice@example.com"), r.registrar),
		"several":          n.ask(clients(1, "bob", "carol"), r.registrar),
		"a server secret":  n.ask(server("login"), r.registrar, r.cosigner),
		"permits":          n.ask(n.permits(1, "alice@example.com", "bob"), r.cosigner),
		"another receiver": n.ask(clients(1, "alice@example.com"), r.registrar),
	} {
		var answers []issue.Answer
		for _, d := range r.dtas {
			g, share := q.read(d, must(q.to(d))(t))
			answers = append(answers, issue.Answer{Grant: g, Share: must(issue.OpenShare(g, share, q.receiver))(t)})
		}
		secrets, err := issue.Combine(answers[0].Grant.Request(), answers)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		secrets.Clear()
	}
	for _, d := range r.dtas {
		if got := d.audited("network.granted"); got != 5 {
			t.Errorf("expected 5 audit entries; found %d", got)
		}
	}
}

// TestTheLogOfGrantsNamesNobody: an audit log is kept for ever and shown to others.
func TestTheLogOfGrantsNamesNobody(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	must(n.ask(clients(1, "alice@example.com"), r.registrar).to(d))(t)
	n.revoke(d, "alice@example.com", 1)
	d.view(func(tx *store.Tx) error {
		rows, err := tx.AuditEntries(0, 100)
		for _, row := range rows {
			if bytes.Contains(row.Entry, []byte("alice")) {
				t.Errorf("found %q", row.Entry)
			}
		}
		return err
	})
}

func TestARequestIsAnsweredOnceAndForEver(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	first := must(q.to(d))(t)
	_, sealed := q.read(d, first)
	if sealed == nil {
		t.Fatal("the first answer came without what is sealed")
	}
	repeat := func(name string, bag peer.Bag, with bool) {
		t.Helper()
		again, err := d.FulfillRequest(ctx, peer.FulfillRequest{RequestCID: q.CID.String(), Blocks: bag})
		if err != nil || again.GrantCID != first.GrantCID {
			t.Fatalf("%s: expected grant %s; found %q, %v", name, first.GrantCID, again.GrantCID, err)
		}
		if _, share := q.read(d, again); (share != nil) != with || (with && !bytes.Equal(share, sealed)) {
			t.Errorf("%s: expected what is sealed: %t; found %d bytes", name, with, len(share))
		}
	}
	repeat("at once", q.bag, true)
	repeat("by its name alone", peer.Bag{}, true)
	d.restart()
	repeat("after a restart", peer.Bag{}, true)
	r.advance(issue.Life)
	repeat("in its last moment", peer.Bag{}, true)
	r.advance(time.Second)
	repeat("after it expired", q.bag, false)
	d.restart()
	r.advance(100 * 24 * time.Hour)
	repeat("a season later", peer.Bag{}, false)
	if calls := d.plugin.issued.Load(); calls != 1 {
		t.Errorf("expected the plugin to be asked once; found %d", calls)
	}
	if d.audited("network.granted") != 1 {
		t.Error("expected one audit entry")
	}
}

func TestWhatIsSealedIsForgottenAfterTheRequest(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	g, _ := q.read(d, must(q.to(d))(t))
	kept := func() (kept bool) {
		d.view(func(tx *store.Tx) (err error) {
			_, public, _, err := tx.Block(g.Share())
			if kept = err == nil; public {
				t.Error("it is public")
			}
			return nil
		})
		return kept
	}
	if err := d.records.Forget(ctx); err != nil || !kept() {
		t.Fatalf("expected it to be kept while the request may be repeated; %v", err)
	}
	r.advance(2 * time.Hour)
	d.records.Courier.Kick()
	for deadline := time.Now().Add(10 * time.Second); kept(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("expected the courier to drop it")
		}
	}
	d.view(func(tx *store.Tx) error {
		_, _, _, err := tx.Block(g.CID())
		return err
	})
}

func TestEqualRequestsAtOnceGetOneGrant(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	for name, test := range map[string]struct {
		bags  func(q *inquiry) [2]peer.Bag
		calls int64
	}{
		"alike":        {func(q *inquiry) [2]peer.Bag { return [2]peer.Bag{q.bag, q.bag} }, 1},
		"showing more": {func(q *inquiry) [2]peer.Bag { return [2]peer.Bag{q.bag, q.bag.With([]byte("more"))} }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			q := n.ask(clients(1, "alice"), r.registrar)
			before := d.plugin.issued.Load()
			var both sync.WaitGroup
			both.Add(int(test.calls))
			d.plugin.during = func() { both.Done(); both.Wait(); time.Sleep(50 * time.Millisecond) }
			defer func() { d.plugin.during = nil }()
			var grants [2]string
			var calls sync.WaitGroup
			for i, bag := range test.bags(q) {
				calls.Go(func() {
					answer, err := d.FulfillRequest(ctx, peer.FulfillRequest{RequestCID: q.CID.String(), Blocks: bag})
					if err != nil {
						t.Error(err)
					}
					grants[i] = answer.GrantCID
				})
			}
			calls.Wait()
			if grants[0] != grants[1] || d.plugin.issued.Load()-before != test.calls {
				t.Errorf("expected one grant after %d calls; found %v after %d", test.calls, grants, d.plugin.issued.Load()-before)
			}
			links := must(d.records.Envelopes(ctx, records.Chapter(n.Order, q.CID)))(t)
			if len(links) != 2 {
				t.Errorf("expected the request and one grant on record; found %v", links)
			}
		})
	}
}

func TestARevokedSubjectGetsNothingMore(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]

	n.revoke(d, "alice", 2)
	for name, test := range map[string]struct {
		q    *inquiry
		want fault.Kind
	}{
		"a client secret":            {n.ask(clients(2, "alice"), r.registrar), fault.Denied},
		"of an earlier enrolment":    {n.ask(clients(1, "alice"), r.registrar), fault.Denied},
		"a permit":                   {n.ask(n.permits(2, "alice"), r.cosigner), fault.Denied},
		"a permit among others":      {n.ask(n.permits(1, "zoe", "alice"), r.cosigner), fault.Denied},
		"of the next enrolment":      {n.ask(clients(3, "alice"), r.registrar), ""},
		"a permit of the next":       {n.ask(n.permits(3, "alice"), r.cosigner), ""},
		"of another name":            {n.ask(clients(1, "Alice"), r.registrar), ""},
		"for a server of that name":  {n.ask(server("alice"), r.registrar, r.cosigner), ""},
		"of the name in another net": {r.found(true).ask(clients(1, "alice"), r.registrar), ""},
	} {
		before := d.plugin.issued.Load()
		_, err := test.q.to(d)
		if fault.Of(err) != test.want {
			t.Errorf("%s: expected %q; found %v", name, test.want, err)
		}
		if test.want == fault.Denied {
			if !strings.Contains(err.Error(), `"alice"`) || !strings.Contains(err.Error(), "2027-01-15T08:00:00Z") {
				t.Errorf("%s: expected to be told who and when; found %v", name, err)
			}
			if d.plugin.issued.Load() != before {
				t.Errorf("%s: the plugin was asked", name)
			}
		}
	}
}

// TestARevocationOvertakesTheAnswer: what is committed while the plugin computes
// counts, and nothing of the answer stays or comes out.
func TestARevocationOvertakesTheAnswer(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	d.plugin.during = func() { n.revoke(d, "alice", 1) }
	answer, err := q.to(d)
	wantKind(t, err, fault.Denied)
	if answer.Blocks.Len() != 0 {
		t.Errorf("found %d blocks", answer.Blocks.Len())
	}
	if links := must(d.records.Envelopes(ctx, records.Chapter(n.Order, q.CID)))(t); len(links) != 0 || d.audited("network.granted") != 0 {
		t.Errorf("found %v and %d audit entries", links, d.audited("network.granted"))
	}
}

// TestARevocationTakesBackWhatWasNotFetched: the grant is a fact, and is told; what
// is sealed is no longer handed out.
func TestARevocationTakesBackWhatWasNotFetched(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice", "bob"), r.registrar)
	first := must(q.to(d))(t)
	n.revoke(d, "bob", 1)
	for range 2 {
		again := must(q.to(d))(t)
		if _, share := q.read(d, again); again.GrantCID != first.GrantCID || share != nil {
			t.Errorf("expected grant %s alone; found %s with %d bytes", first.GrantCID, again.GrantCID, len(share))
		}
		d.restart()
	}
}

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
			Kind: kind, Recipients: envelope.Recipients(readers...), Time: begin, Expires: begin.Add(time.Minute), Previous: []dag.CID{previous},
			Body: issue.Approved{Version: issue.Version},
		}))(t)
		return &inquiry{network: n, Sealed: sealed, by: by, bag: r.everybody(by.Identity()).With(sealed.Block)}
	}
	// copied signs what the authority has approved as somebody else's request.
	copied := func(by *identity.Keyring, approve func(*issue.Request) []issue.Approval) *inquiry {
		q := n.ask(clients(1, "alice"), r.registrar)
		who := must(order.PartiesOf(q.identities()...))(t)
		asked := must(issue.OpenRequest(r.registrar, n.Order, q.Block, who))(t)
		approvals := asked.Approvals()
		if approve != nil {
			approvals = approve(asked.Request())
		}
		sealed := must(envelope.Seal(by, envelope.Draft{
			Kind: envelope.Request, Recipients: envelope.Recipients(by.Identity(), d.node.Identity(), r.registrar.Identity()),
			Time: r.now(), Expires: r.now().Add(time.Minute), Previous: []dag.CID{n.Order.CID()},
			Body: issue.Approved{Version: issue.Version, Request: *asked.Request(), Approvals: approvals},
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
		{"that a stranger approved", copied(r.stranger, func(q *issue.Request) []issue.Approval {
			signed := must(q.Marshal())(t)
			return []issue.Approval{{Signer: r.stranger.Identity().Party(), Signature: r.stranger.Sign(bls.DomainApproval, signed)}}
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
	links := must(d.records.Envelopes(ctx, n.Order.Terms().ReferenceHex()))(t)
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

// TestAPluginThatErrsChangesNothing: what does not hold is not recorded, and the
// next answer counts.
func TestAPluginThatErrsChangesNothing(t *testing.T) {
	r := newRealm(t, 2)
	n := r.found(true)
	d, other := r.dtas[0], r.dtas[1]
	q := n.ask(clients(1, "alice"), r.registrar)
	var theirs fiduciary.Issued
	other.plugin.bend = func(_ *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued { theirs = i; return i }
	must(q.to(other))(t)
	var earlier fiduciary.Issued
	d.plugin.bend = func(_ *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued { earlier = i; return i }
	must(n.ask(clients(1, "alice"), r.registrar).to(d))(t)
	granted := d.audited("network.granted")

	for name, bend := range map[string]func(fiduciary.Issued) fiduciary.Issued{
		"another D-TA's grant":    func(fiduciary.Issued) fiduciary.Issued { return theirs },
		"another request's grant": func(fiduciary.Issued) fiduciary.Issued { return earlier },
		"another share": func(i fiduciary.Issued) fiduciary.Issued {
			i.Share = earlier.Share
			return i
		},
		"no share": func(i fiduciary.Issued) fiduciary.Issued {
			i.Share = nil
			return i
		},
		"nothing": func(fiduciary.Issued) fiduciary.Issued { return fiduciary.Issued{} },
		"a bit less": func(i fiduciary.Issued) fiduciary.Issued {
			i.Grant.Block = i.Grant.Block[:len(i.Grant.Block)-1]
			return i
		},
	} {
		d.plugin.bend = func(_ *issue.VerifiedRequest, i fiduciary.Issued) fiduciary.Issued { return bend(i) }
		answer, err := q.to(d)
		if fault.Of(err) != fault.Internal || answer.Blocks.Len() != 0 {
			t.Errorf("%s: expected an internal error; found %v", name, err)
		}
		if d.audited("network.granted") != granted {
			t.Errorf("%s: it was recorded", name)
		}
	}
	d.plugin.bend = nil
	g, share := q.read(d, must(q.to(d))(t))
	must(issue.OpenShare(g, share, q.receiver))(t).Clear()
}

// TestAProcessThatDiesWhileItAnswersLeavesNothingHalfDone: the store is gone when
// the plugin has answered.
func TestAProcessThatDiesWhileItAnswersLeavesNothingHalfDone(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	q := n.ask(clients(1, "alice"), r.registrar)
	d.plugin.during = func() { d.store.Close() }
	answer, err := q.to(d)
	wantKind(t, err, fault.Unavailable)
	if answer.Blocks.Len() != 0 {
		t.Errorf("found %d blocks", answer.Blocks.Len())
	}
	d.plugin.during = nil
	d.restart()
	if links := must(d.records.Envelopes(ctx, records.Chapter(n.Order, q.CID)))(t); len(links) != 0 || d.audited("network.granted") != 0 {
		t.Errorf("found %v", links)
	}
	g, share := q.read(d, must(q.to(d))(t))
	must(issue.OpenShare(g, share, q.receiver))(t).Clear()
}

func TestADelegateIsAnsweredAndTheRegistrarTold(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	scope := must(issue.Delegate(r.registrar, n.Order, issue.Delegation{
		To: r.delegate.Identity().Name, Kinds: []order.IssueKind{order.ClientSecret}, Suffix: "@example.com",
		NotBefore: r.now().UnixMilli(), Expires: r.now().Add(time.Hour).UnixMilli(),
	}))(t)
	ask := func(name string) *inquiry {
		drafted, receiver := n.draft(clients(1, name))
		a := must(issue.Approve(r.delegate, n.Order, drafted, scope, n.Who))(t)
		return n.sealed(r.delegate, drafted, receiver, []issue.Approval{*a})
	}
	q := ask("alice@example.com")
	g, share := q.read(d, must(q.to(d))(t))
	must(issue.OpenShare(g, share, q.receiver))(t).Clear()

	// The news of it holds for the registrar, who knew nothing of the delegate.
	notice := d.await(1)[0]
	registrar := r.stored(t, n)
	news := must(registrar.Verify(ctx, notice))(t)
	if news.Request == nil || news.Request.CID() != q.CID || news.Grant.CID() != g.CID() {
		t.Fatalf("found %+v", news)
	}
	for range 2 {
		if err := registrar.Learn(ctx, "principal", n.Order.Terms().ReferenceHex(), news); err != nil {
			t.Fatal(err)
		}
	}
	if links := must(registrar.Envelopes(ctx, records.Chapter(n.Order, q.CID)))(t); len(links) != 2 {
		t.Errorf("expected the request and its grant; found %v", links)
	}
	if _, ok := notice.Blocks.Get(g.Share()); ok {
		t.Error("what is sealed to the receiver went to the registrar")
	}

	// It reads again after a restart, from the store alone.
	d.restart()
	if again := must(d.FulfillRequest(ctx, peer.FulfillRequest{RequestCID: q.CID.String()}))(t); again.GrantCID != g.CID().String() {
		t.Errorf("found %s", again.GrantCID)
	}
	// The registrar's own requests are no news to it.
	must(n.ask(clients(1, "bob"), r.registrar).to(d))(t)
	must(ask("carol@example.com").to(d))(t)
	if got := d.await(2); len(got) != 2 {
		t.Errorf("expected 2 notices; found %d", len(got))
	}
	r.advance(time.Hour + time.Minute)
	late := func() error { // approved while the delegation was in force, brought later
		_, err := q.to(d)
		return err
	}
	if err := late(); err != nil {
		t.Errorf("a repeat: %v", err)
	}
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
		k := keyring(t, identity.Node, "crowd")
		sealed := must(envelope.Seal(k, envelope.Draft{
			Kind: envelope.Request, Recipients: envelope.Recipients(k.Identity(), d.node.Identity(), r.registrar.Identity()),
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

// await waits for the registrar to have been told so often.
func (d *dta) await(n int) []peer.Notice {
	d.realm.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(d.told.list()) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.realm.t.Fatalf("expected %d notices; found %d", n, len(d.told.list()))
		}
	}
	return d.told.list()
}

// stored is the registrar's own node, which knows of the network.
func (r *realm) stored(t testing.TB, n *network) *records.Records {
	t.Helper()
	home := &dta{realm: r, path: t.TempDir() + "/registrar.db", told: new(inbox), node: r.registrar, plugin: r.dtas[0].plugin}
	home.start()
	home.meet(n.identities()...)
	err := home.records.Write(context.Background(), func(w *records.Writer) error {
		ref := n.Order.Terms().ReferenceHex()
		err := w.Insert(records.Row{
			Order: store.Order{Role: "principal", Reference: ref, State: string(order.Accepted), CID: n.Order.CID()},
			Data:  records.Data{What: string(order.Network)},
		})
		if err != nil {
			return err
		}
		if err := w.Envelope(ref, envelope.Order, n.Order.CID(), n.Order.Block(), order.PublishNone); err != nil {
			return err
		}
		for _, a := range n.Acceptances {
			if err := w.Envelope(ref, envelope.Acceptance, a.CID(), a.Block(), order.PublishNone); err != nil {
				return err
			}
		}
		return w.Audit("test", dag.CID{}, "", dag.CID{}, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	return home.records
}

func (n *network) identities() []*identity.Identity {
	ids := []*identity.Identity{n.registrar.Identity(), n.cosigner.Identity()}
	for _, d := range n.dtas {
		ids = append(ids, d.node.Identity(), d.plugin.Identity())
	}
	return ids
}
