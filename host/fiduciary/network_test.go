package fiduciary_test

import (
	"context"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

var ctx = context.Background()

func TestANetworkIsAccepted(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	n := r.found(true)
	ref := records.Key(n.Order)
	if d.plugin.purpose != "network-share" {
		t.Errorf("expected the purpose network-share; found %q", d.plugin.purpose)
	}
	d.view(func(tx *store.Tx) error {
		row, err := records.ReadRow(tx, fiduciary.Role, ref)
		if err != nil || row.What != string(order.Network) || row.State != string(order.Accepted) {
			t.Errorf("found %+v, %v", row, err)
		}
		has, err := tx.HasBlock(n.Acceptances[0].Receipt().Deposit)
		if !has {
			t.Error("expected the deposit to be kept")
		}
		return err
	})
	if d.audited("order.accepted") != 1 {
		t.Error("expected an audit entry")
	}

	// A repeat gets the first answer, also after a restart.
	d.restart()
	answer, err := d.FulfillOrder(ctx, peer.FulfillOrder{OrderPart1CID: n.Order.CID().String(), Blocks: r.everybody().With(n.Order.Block())})
	if err != nil || answer.OrderPart2CID != n.Acceptances[0].CID().String() || d.plugin.kept.Load() != 1 {
		t.Errorf("found %s, %v after %d calls", answer.OrderPart2CID, err, d.plugin.kept.Load())
	}
}

func TestANetworkThatNamesANodeTwiceIsRefused(t *testing.T) {
	r := newRealm(t, 2)
	a, b := r.dtas[0], r.dtas[1]
	terms := order.Plan{
		What: order.Network, Network: r.terms(true), T: 2, Redeemers: []*identity.Identity{r.registrar.Identity(), r.cosigner.Identity()},
		Fiduciaries: []order.Choice{
			{Custody: a.plugin.Identity(), Node: a.node.Identity(), Offer: a.offer.CID},
			{Custody: b.plugin.Identity(), Node: a.node.Identity()},
		},
	}
	placed := must(order.Place(r.registrar, terms, nil, r.now()))(t)
	_, err := a.FulfillOrder(ctx, peer.FulfillOrder{OrderPart1CID: placed.Envelope.CID.String(), Blocks: r.everybody().With(placed.Envelope.Block)})
	wantKind(t, err, fault.Unsupported)
	if a.plugin.kept.Load() != 0 {
		t.Error("the plugin was asked")
	}
}

// A redemption of a network would move a share that must not move. The D-TA's node
// refuses it before it looks at it; package order and the plugin do too.
func TestANetworkIsNotRedeemed(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(true)
	sealed := must(envelope.Seal(r.registrar, envelope.Draft{
		Kind: envelope.Redemption, Recipients: []*identity.Identity{r.registrar.Identity(), r.dtas[0].node.Identity()},
		Time: r.now(), Expires: r.now().Add(order.RedemptionLife), Previous: []dag.CID{n.Acceptances[0].CID(), n.Order.CID()}, Body: struct{}{},
	}))(t)
	_, err := r.dtas[0].FulfillSecret(ctx, peer.FulfillSecret{OrderPart3CID: sealed.CID.String(), Blocks: r.everybody().With(sealed.Block)})
	wantKind(t, err, fault.Denied)
}

// TestANetworksChainStaysShort: whoever reads or lists a network's order reads its
// order and acceptance, however many were enrolled in it.
func TestANetworksChainStaysShort(t *testing.T) {
	r := newRealm(t, 1)
	n, d := r.found(true), r.dtas[0]
	for _, name := range []string{"alice", "bob", "carol"} {
		must(n.ask(clients(1, name), r.registrar).to(d))(t)
		n.revoke(d, name, 1)
	}
	links := must(d.records.Envelopes(ctx, records.Key(n.Order)))(t)
	if len(links) != 2 || links[0].Kind != string(envelope.Order) || links[1].Kind != string(envelope.Acceptance) {
		t.Errorf("expected the order and its acceptance; found %v", links)
	}
}

// TestWhatIsOutOfTimeIsNotVerified: a refusal that costs nothing comes before those
// that cost verifications. Here its signer's documents are not even to be had.
func TestWhatIsOutOfTimeIsNotVerified(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	r.advance(time.Hour)
	placed := r.place(r.terms(true), d)
	r.advance(-time.Hour)
	bring := func() error {
		_, err := d.FulfillOrder(ctx, peer.FulfillOrder{OrderPart1CID: placed.Envelope.CID.String(), Blocks: peer.NewBag(placed.Envelope.Block)})
		return err
	}
	wantKind(t, bring(), fault.Invalid)
	r.advance(time.Hour)
	wantKind(t, bring(), fault.NotFound)
	r.advance(order.OrderLife + time.Second)
	wantKind(t, bring(), fault.Invalid)
}
