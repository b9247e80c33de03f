package principal_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

func TestAnOrderIsAcceptedWhenAllHaveAcceptedIt(t *testing.T) {
	r := newRealm(t, 3)
	terms := order.NetworkTerms{Name: "lab", Suite: mpin.V1.Name}
	for _, kind := range order.IssueKinds() {
		terms.Authority = append(terms.Authority, order.Rule{Kind: kind, Names: []dag.CID{r.keys.Identity().Name}, Threshold: 1})
	}
	secret, key := r.request(), r.request()
	secret.Threshold = 2
	key.Secret, key.Keepers = nil, key.Keepers[:1]
	for _, test := range []struct {
		name  string
		place func() (principal.Placed, error)
		by    int
		kinds map[string]int // of audit entries
	}{
		{"a secret", func() (principal.Placed, error) { return r.Place(ctx, secret) }, 3, map[string]int{"order.placed": 1, "order.accepted": 3}},
		{"a key", func() (principal.Placed, error) { return r.Place(ctx, key) }, 1, map[string]int{"order.placed": 1, "order.accepted": 1}},
		{"a network", func() (principal.Placed, error) {
			return r.PlaceNetwork(ctx, principal.NetworkRequest{Terms: terms, Keepers: secret.Keepers})
		}, 3, map[string]int{"order.placed": 1, "order.accepted": 3, "network.created": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, asked := make(map[string]int), 0
			for kind := range test.kinds {
				before[kind] = r.audited(kind)
			}
			for _, d := range r.dtas {
				asked -= d.times()
			}
			got := must(test.place())(t)
			if got.State != order.Accepted || got.Created != begin {
				t.Errorf("found it %s, made at %v", got.State, got.Created)
			}
			if row := r.wantState(got.OrderCID.String(), order.Accepted); !bytes.Equal(row.Commitment, got.Commitment) || len(got.Commitment) == 0 || row.CID != got.OrderCID {
				t.Errorf("expected the commitment %x of %s; found %x of %s", row.Commitment, row.CID, got.Commitment, got.OrderCID)
			}
			for kind, n := range test.kinds {
				if found := r.audited(kind) - before[kind]; found != n {
					t.Errorf("%s: expected %d entries; found %d", kind, n, found)
				}
			}
			for _, d := range r.dtas {
				asked += d.times()
			}
			if asked != test.by {
				t.Errorf("expected %d D-TAs to be asked once; they were asked %d times", test.by, asked)
			}
		})
	}
}

// TestAnAnswerThatDoesNotHoldIsNoAnswer: it neither counts as an acceptance nor ends
// the order, and what another fiduciary has accepted meanwhile stays.
func TestAnAnswerThatDoesNotHoldIsNoAnswer(t *testing.T) {
	r := newRealm(t, 2)
	liar, honest := r.dtas[0], r.dtas[1]
	otherOrder := func() peer.FulfilledOrder {
		one := r.request()
		one.Keepers = one.Keepers[:1]
		placed := r.place(one)
		return liar.kept[placed.OrderCID]
	}()
	twoOrder := func() peer.FulfilledOrder {
		placed := r.place(r.request())
		return liar.kept[placed.OrderCID]
	}()
	stranger := identitytest.Keyring(t, identity.Custody, "stranger", begin)

	for name, lie := range map[string]func(req peer.FulfillOrder, answer peer.FulfilledOrder) peer.FulfilledOrder{
		"its acceptance of another order":            func(peer.FulfillOrder, peer.FulfilledOrder) peer.FulfilledOrder { return otherOrder },
		"its acceptance of an order of the same two": func(peer.FulfillOrder, peer.FulfilledOrder) peer.FulfilledOrder { return twoOrder },
		"another fiduciary's acceptance": func(req peer.FulfillOrder, _ peer.FulfilledOrder) peer.FulfilledOrder {
			block, _ := req.Blocks.Get(must(dag.Parse(req.OrderPart1CID))(t))
			o := must(order.OpenOrder(honest.node, block, r.parties()))(t)
			index, _ := o.Terms().IndexOf(honest.custody.Identity().Name)
			return answerOf(must(honest.sign(o, index, o.SecretCommitment(), r.now()))(t).Block)
		},
		"a signature that is not right": func(_ peer.FulfillOrder, answer peer.FulfilledOrder) peer.FulfilledOrder {
			e := must(envelope.Parse(blockOf(t, answer)))(t)
			e.Signatures[0].Signature[20] ^= 1
			return answerOf(must(dag.Encode(e))(t))
		},
		"the signature of another acceptance": func(_ peer.FulfillOrder, answer peer.FulfilledOrder) peer.FulfilledOrder {
			e := must(envelope.Parse(blockOf(t, answer)))(t)
			e.Signatures = must(envelope.Parse(blockOf(t, otherOrder)))(t).Signatures
			return answerOf(must(dag.Encode(e))(t))
		},
		"a signer whom nobody asked": func(req peer.FulfillOrder, answer peer.FulfilledOrder) peer.FulfilledOrder {
			h := must(envelope.Parse(blockOf(t, answer)))(t).Header
			sealed := must(envelope.Seal(stranger, envelope.Draft{
				Kind: envelope.Acceptance, Recipients: []*identity.Identity{r.keys.Identity(), liar.node.Identity(), honest.node.Identity()},
				Time: r.now(), Expires: r.now().Add(time.Hour), Previous: h.Previous, Body: struct{}{},
			}))(t)
			out := answerOf(sealed.Block)
			out.Blocks.Add(stranger.Identity().Blocks()...)
			return out
		},
		"the order itself": func(req peer.FulfillOrder, _ peer.FulfilledOrder) peer.FulfilledOrder {
			return peer.FulfilledOrder{OrderPart2CID: req.OrderPart1CID, Blocks: req.Blocks}
		},
		"a name without the acceptance": func(_ peer.FulfillOrder, answer peer.FulfilledOrder) peer.FulfilledOrder {
			return peer.FulfilledOrder{OrderPart2CID: answer.OrderPart2CID}
		},
		"the acceptance under no name": func(_ peer.FulfillOrder, answer peer.FulfilledOrder) peer.FulfilledOrder {
			return peer.FulfilledOrder{OrderPart2CID: "acceptance", Blocks: answer.Blocks}
		},
		"nothing": func(peer.FulfillOrder, peer.FulfilledOrder) peer.FulfilledOrder { return peer.FulfilledOrder{} },
	} {
		t.Run(name, func(t *testing.T) {
			liar.behaves(nil, func(_ context.Context, req peer.FulfillOrder, answer peer.FulfilledOrder) (peer.FulfilledOrder, error) {
				return lie(req, answer), nil
			})
			before := r.audited("order.accepted")
			got := r.place(r.request())
			if got.State != order.Ordered || got.Commitment != nil {
				t.Errorf("found it %s, committed to %x", got.State, got.Commitment)
			}
			r.wantState(got.OrderCID.String(), order.Ordered)
			if n := r.audited("order.accepted") - before; n != 1 {
				t.Errorf("expected the honest acceptance on record; found %d", n)
			}
			wantKind(t, r.resume(got.OrderCID.String()), fault.Unavailable) // and the courier comes back

			asked := honest.times()
			liar.behaves(nil, nil)
			if err := r.resume(got.OrderCID.String()); err != nil {
				t.Error(err)
			}
			r.wantState(got.OrderCID.String(), order.Accepted)
			if honest.times() != asked {
				t.Error("who had accepted was asked again")
			}
		})
	}
}

// TestOnlyAFinalRefusalEndsAnOrder: what another attempt may change does not.
func TestOnlyAFinalRefusalEndsAnOrder(t *testing.T) {
	for kind, ends := range map[fault.Kind]bool{
		fault.Invalid: true, fault.Denied: true, fault.NotFound: true, fault.Conflict: true, fault.Unsupported: true,
		fault.Busy: false, fault.Unavailable: false, fault.Deadline: false, fault.Internal: false,
	} {
		t.Run(string(kind), func(t *testing.T) {
			r := newRealm(t, 2)
			d := r.dtas[1]
			d.behaves(fault.New(kind, "not this one"), nil)
			placed, err := r.Place(ctx, r.request())
			rows := must(r.records.Pending(ctx, principal.Role, order.Ordered, order.Failed))(t)
			if len(rows) != 1 {
				t.Fatalf("expected one order; found %d", len(rows))
			}
			ref := rows[0].Key()
			if !ends {
				if err != nil || placed.OrderCID.String() != ref || placed.State != order.Ordered {
					t.Errorf("expected the caller to be told of the order that goes on; found %+v, %v", placed, err)
				}
				r.wantState(ref, order.Ordered)
				d.behaves(nil, nil)
				if err := r.resume(ref); err != nil {
					t.Error(err)
				}
				r.wantState(ref, order.Accepted)
				return
			}
			wantKind(t, err, kind)
			if row := r.wantState(ref, order.Failed); row.Kind != string(kind) || row.Reason == "" {
				t.Errorf("expected the refusal on record; found %q, %q", row.Kind, row.Reason)
			}
			if n := r.audited("order.failed"); n != 1 {
				t.Errorf("expected one entry of the failure; found %d", n)
			}

			// It is over, whoever comes back to it.
			asked := d.times()
			d.behaves(nil, nil)
			if err := errors.Join(r.resume(ref), r.Recover(ctx)); err != nil {
				t.Error(err)
			}
			if r.wantState(ref, order.Failed); d.times() != asked {
				t.Error("it was asked again")
			}
		})
	}
}
