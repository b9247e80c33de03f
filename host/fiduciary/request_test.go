package fiduciary_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
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
			if strings.Contains(err.Error(), "alice") || !strings.Contains(err.Error(), ", was revoked at 2027-01-15T08:00:00Z") {
				t.Errorf("%s: expected to be told which subject and when, and no name; found %v", name, err)
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
