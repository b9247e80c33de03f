package fiduciary_test

import (
	"context"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// maker is a plugin that makes keys and gives them back. Its deposits are the keys
// themselves.
type maker struct {
	*plugin
	restored int
}

func (m *maker) Safeguard(_ context.Context, req fiduciary.Safeguard) (kept fiduciary.Kept, err error) {
	who, err := m.parties(req.Parties)
	if err != nil {
		return kept, err
	}
	o, err := order.VerifyOrder(req.Order.Block, req.Order.Plain, who)
	if err != nil {
		return kept, err
	}
	key := o.Algorithm().New()
	proved, err := order.ProveKey(o, m.Identity().Name, key)
	if err != nil {
		return kept, err
	}
	kept.Deposit = key.Open()
	deposit, err := order.PutDeposit(kept.Deposit)
	if err != nil {
		return kept, err
	}
	accepted, err := order.Accept(m.keys, o, 0, proved, order.Receipt{
		Deposit: deposit.CID, Mode: order.Supervised, Type: "test", HostEnforced: o.Terms().Policy.Enforcement == order.HostEnforced,
	}, req.Checkpoint, who, m.now())
	if err == nil {
		kept.Acceptance = fiduciary.Shown{Block: accepted.Block, Plain: accepted.Plain}
	}
	return kept, err
}

func (m *maker) Restore(_ context.Context, req fiduciary.Restore) (out fiduciary.Restored, err error) {
	m.restored++
	who, err := m.parties(req.Parties)
	if err != nil {
		return out, err
	}
	o, err := order.VerifyOrder(req.Order.Block, req.Order.Plain, who)
	if err != nil {
		return out, err
	}
	a, err := order.VerifyAcceptance(o, req.Acceptance.Block, req.Acceptance.Plain, who)
	if err != nil {
		return out, err
	}
	red, err := order.VerifyRedemption(o, req.Redemption.Block, req.Redemption.Plain, who)
	if err != nil {
		return out, err
	}
	release, share, err := order.ReleaseTo(m.keys, red, a, secret.Copy(req.Deposit), req.Checkpoint, who, m.now())
	if err != nil {
		return out, err
	}
	return fiduciary.Restored{Release: fiduciary.Shown{Block: release.Block, Plain: release.Plain}, Share: share.Bytes}, nil
}

// TestAReplacedKeyPlacesNothing: the thief of the older key dates an order back.
func TestAReplacedKeyPlacesNothing(t *testing.T) {
	r, ctx := newRealm(t, 1), context.Background()
	d := r.dtas[0]
	stolen, next, err := identity.Create(identity.Node, "principal", begin)
	if err != nil {
		t.Fatal(err)
	}
	renewed, after, err := stolen.Rotate(next, r.now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	service := fiduciary.New(fiduciary.Options{
		Records: d.records, Instances: []fiduciary.Custodian{&maker{plugin: d.plugin}}, Principals: []dag.CID{stolen.Identity().Name},
		Offers: func() []fiduciary.Standing {
			return []fiduciary.Standing{{Instance: "vault", Custody: d.plugin.Identity(), Offer: d.offer.CID, Block: d.offer.Block}}
		},
	})
	defer service.Close()
	place := func(k *identity.Keyring) error {
		id := k.Identity()
		placed := must(order.Place(k, order.Plan{
			What: order.Key, T: 1, Redeemers: []*identity.Identity{id}, Receivers: []*identity.Identity{id},
			Fiduciaries: []order.Choice{{Custody: d.plugin.Identity(), Node: d.node.Identity(), Offer: d.offer.CID}},
		}, nil, r.now()))(t)
		_, err := service.FulfillOrder(ctx, peer.FulfillOrder{OrderPart1CID: placed.Envelope.CID.String(), Blocks: r.everybody(id).With(placed.Envelope.Block)})
		return err
	}
	if err := place(stolen); err != nil {
		t.Errorf("before this node knows of a newer document: %v", err)
	}
	d.meet(renewed.Identity())
	wantKind(t, place(stolen), fault.Denied)
	if err := place(renewed); err != nil {
		t.Errorf("the key in force: %v", err)
	}
}

// TestAReplacedKeyRedeemsNothing: the fiduciary knows of the newer document; the
// thief of the older one's key does not show it, and dates the redemption back.
func TestAReplacedKeyRedeemsNothing(t *testing.T) {
	r, ctx := newRealm(t, 1), context.Background()
	d := r.dtas[0]
	keeper := &maker{plugin: d.plugin}
	service := fiduciary.New(fiduciary.Options{
		Records: d.records, Instances: []fiduciary.Custodian{keeper}, Principals: []dag.CID{r.registrar.Identity().Name},
		Offers: func() []fiduciary.Standing {
			return []fiduciary.Standing{{Instance: "vault", Custody: d.plugin.Identity(), Offer: d.offer.CID, Block: d.offer.Block}}
		},
	})
	defer service.Close()
	stolen, next, err := identity.Create(identity.Node, "beneficiary", begin)
	if err != nil {
		t.Fatal(err)
	}
	receiver := stolen.Identity()
	placed := must(order.Place(r.registrar, order.Plan{
		What: order.Key, T: 1, Redeemers: []*identity.Identity{receiver}, Receivers: []*identity.Identity{receiver},
		Fiduciaries: []order.Choice{{Custody: d.plugin.Identity(), Node: d.node.Identity(), Offer: d.offer.CID}},
	}, nil, r.now()))(t)
	who := must(order.PartiesOf(receiver, r.registrar.Identity(), d.node.Identity(), d.plugin.Identity()))(t)
	o := must(order.MadeOrder(placed.Envelope, who))(t)
	said := must(service.FulfillOrder(ctx, peer.FulfillOrder{OrderPart1CID: o.CID().String(), Blocks: r.everybody(receiver).With(o.Block())}))(t)
	block, _ := said.Blocks.Get(must(dag.Parse(said.OrderPart2CID))(t))
	a := must(order.OpenAcceptance(stolen, o, block, who))(t)

	renewed, after, err := stolen.Rotate(next, r.now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	d.meet(renewed.Identity())
	redeem := func(k *identity.Keyring) error {
		who := must(order.PartiesOf(k.Identity(), r.registrar.Identity(), d.node.Identity(), d.plugin.Identity()))(t)
		red, reply, err := order.Redeem(k, o, []*order.VerifiedAcceptance{a}, receiver.Name, who, r.now())
		if err != nil {
			t.Fatal(err)
		}
		reply.Clear()
		_, err = service.FulfillSecret(ctx, peer.FulfillSecret{OrderPart3CID: red.CID.String(), Blocks: r.everybody(k.Identity()).With(red.Block)})
		return err
	}
	wantKind(t, redeem(stolen), fault.Denied)
	if keeper.restored != 0 {
		t.Error("the plugin was asked")
	}
	if err := redeem(renewed); err != nil {
		t.Errorf("the key in force: %v", err)
	}
}

// TestAReplacedKeyRevokesNothing: what is revoked stays so for ever, also when a
// thief has dated the revocation back.
func TestAReplacedKeyRevokesNothing(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	stolen, next, err := identity.Create(identity.Node, "cosigner", begin)
	if err != nil {
		t.Fatal(err)
	}
	r.cosigner = stolen
	n := r.found(true)
	renewed, after, err := stolen.Rotate(next, r.now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	if err := d.FulfillRevocation(ctx, n.revocation(stolen, "alice", 1)); err != nil {
		t.Errorf("before this node knows of a newer document: %v", err)
	}
	d.meet(renewed.Identity())
	wantKind(t, d.FulfillRevocation(ctx, n.revocation(stolen, "bob", 1)), fault.Denied)
	if d.revocations(n) != 1 {
		t.Error("it was recorded")
	}
	r.cosigner = renewed
	n.Who = r.parties()
	if err := d.FulfillRevocation(ctx, n.revocation(renewed, "bob", 1)); err != nil {
		t.Errorf("the key in force: %v", err)
	}
}
