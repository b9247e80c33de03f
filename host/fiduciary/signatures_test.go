package fiduciary_test

import (
	"sync"
	"testing"

	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope/envelopetest"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// An envelope is the same under whatever signature: signatures are not unique, so
// another one over the same bytes, under another CID, must get the first answer
// and change nothing.

func TestAnOrderUnderAnotherSignatureGetsTheFirstAnswer(t *testing.T) {
	for name, together := range map[string]bool{"one after the other": false, "both at once": true} {
		t.Run(name, func(t *testing.T) {
			r := newRealm(t, 1)
			d := r.dtas[0]
			placed := r.place(r.terms(false), d)
			other, resigned := envelopetest.Resigned(t, r.registrar, placed.Envelope.Block)
			calls := []peer.FulfillOrder{
				{OrderPart1CID: placed.Envelope.CID.String(), Blocks: r.everybody().With(placed.Envelope.Block)},
				{OrderPart1CID: other.String(), Blocks: r.everybody().With(resigned)},
			}
			answers := make([]peer.FulfilledOrder, len(calls))
			var all sync.WaitGroup
			for i, call := range calls {
				all.Go(func() {
					var err error
					if answers[i], err = d.FulfillOrder(ctx, call); err != nil {
						t.Errorf("call %d: %v", i, err)
					}
				})
				if !together {
					all.Wait()
				}
			}
			all.Wait()
			if answers[0].OrderPart2CID != answers[1].OrderPart2CID {
				t.Errorf("expected one acceptance, found %s and %s", answers[0].OrderPart2CID, answers[1].OrderPart2CID)
			}
			if n := d.audited("order.accepted"); n != 1 {
				t.Errorf("expected one acceptance in the audit log, found %d", n)
			}
			row := must(d.records.Find(ctx, placed.Terms.ReferenceHex(), fiduciary.Role))(t) // of the one that was first
			links := must(d.records.Envelopes(ctx, row.Key()))(t)
			if len(links) != 2 {
				t.Errorf("expected an order and an acceptance, found %d envelopes", len(links))
			}
			if n := d.plugin.kept.Load(); !together && n != 1 {
				t.Errorf("expected the plugin to be asked once, found %d times", n)
			}
		})
	}
}

func TestARedemptionUnderAnotherSignatureGetsTheFirstAnswer(t *testing.T) {
	r := newRealm(t, 1)
	d, by := r.dtas[0], r.registrar
	keeper := &maker{plugin: d.plugin}
	service := fiduciary.New(fiduciary.Options{
		Records: d.records, Instances: []fiduciary.Custodian{keeper}, Principals: []dag.CID{by.Identity().Name},
		Offers: func() []fiduciary.Standing {
			return []fiduciary.Standing{{Instance: "vault", Custody: d.plugin.Identity(), Offer: d.offer.CID, Block: d.offer.Block}}
		},
	})
	defer service.Close()
	placed := must(order.Place(by, order.Plan{
		What: order.Key, T: 1, Redeemers: []*identity.Identity{by.Identity()}, Receivers: []*identity.Identity{by.Identity()},
		Fiduciaries: []order.Choice{{Custody: d.plugin.Identity(), Node: d.node.Identity(), Offer: d.offer.CID}},
	}, nil, r.now()))(t)
	who := r.parties()
	o := must(order.MadeOrder(placed.Envelope, who))(t)
	said := must(service.FulfillOrder(ctx, peer.FulfillOrder{OrderPart1CID: o.CID().String(), Blocks: r.everybody().With(o.Block())}))(t)
	block, _ := said.Blocks.Get(must(dag.Parse(said.OrderPart2CID))(t))
	a := must(order.OpenAcceptance(by, o, block, who))(t)
	red, reply, err := order.Redeem(by, o, []*order.VerifiedAcceptance{a}, by.Identity().Name, who, r.now())
	if err != nil {
		t.Fatal(err)
	}
	reply.Clear()
	other, resigned := envelopetest.Resigned(t, by, red.Block)
	first := must(service.FulfillSecret(ctx, peer.FulfillSecret{OrderPart3CID: red.CID.String(), Blocks: r.everybody().With(red.Block)}))(t)
	again := must(service.FulfillSecret(ctx, peer.FulfillSecret{OrderPart3CID: other.String(), Blocks: r.everybody().With(resigned)}))(t)
	if first.OrderPart4CID != again.OrderPart4CID {
		t.Errorf("expected release %s, found %s", first.OrderPart4CID, again.OrderPart4CID)
	}
	if n := d.audited("order.released"); n != 1 || keeper.restored != 1 {
		t.Errorf("expected one release, found %d in the audit log and %d by the plugin", n, keeper.restored)
	}
}

func TestARequestUnderAnotherSignatureGetsTheFirstAnswer(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	n := r.found(true)
	q := n.ask(clients(1, "anna"), r.registrar)
	first := must(q.to(d))(t)
	call := q.request()
	other, resigned := envelopetest.Resigned(t, r.registrar, q.Block)
	call.RequestCID, call.Blocks = other.String(), call.Blocks.With(resigned)
	again := must(d.FulfillRequest(ctx, call))(t)
	if again.GrantCID != first.GrantCID {
		t.Errorf("expected grant %s, found %s", first.GrantCID, again.GrantCID)
	}
	if n := d.audited("network.granted"); n != 1 {
		t.Errorf("expected one grant in the audit log, found %d", n)
	}
}

func TestARevocationUnderAnotherSignatureChangesNothing(t *testing.T) {
	r := newRealm(t, 1)
	d := r.dtas[0]
	n := r.found(true)
	call := n.revocation(r.registrar, "anna", 1)
	if err := d.FulfillRevocation(ctx, call); err != nil {
		t.Fatal(err)
	}
	block, _ := call.Blocks.Get(must(dag.Parse(call.RevocationCID))(t))
	other, resigned := envelopetest.Resigned(t, r.registrar, block)
	call.RevocationCID, call.Blocks = other.String(), call.Blocks.With(resigned)
	if err := d.FulfillRevocation(ctx, call); err != nil {
		t.Error(err)
	}
	if n := d.audited("network.revoked"); n != 1 {
		t.Errorf("expected one revocation in the audit log, found %d", n)
	}
}
