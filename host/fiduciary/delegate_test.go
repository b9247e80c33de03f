package fiduciary_test

import (
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

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
		if err := registrar.Learn(ctx, "principal", records.Key(n.Order), news); err != nil {
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
		ref := records.Key(n.Order)
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
