package hostile

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// mixOrders shows every order with every plaintext, share and operation id.
func mixOrders(t *testing.T, x *cast) {
	histories := map[string]*scene.Redeemed{"a": x.a, "b": x.b, "k": x.k}
	shares := map[string][]byte{
		"a": x.a.Share, "b": x.b.Share, "k": x.k.Share,
		"ciphertext a": x.a.Placed.Detached[1].Bytes,
		"deposit a":    x.a.Deposit,
	}
	released, err := x.Custody.Restore(t.Context(), x.a.Ask())
	if err != nil {
		t.Fatal(err)
	}
	shares["release a"] = released.GetShare()
	for env, e := range histories {
		for plain, p := range histories {
			for share, s := range shares {
				for op, id := range histories {
					req := &contract.SafeguardRequest{
						OperationId: id.Order.Ask().GetOperationId(),
						Order:       &contract.Shown{Envelope: e.Placed.Envelope.Block, Plain: p.Placed.Envelope.Plain},
						Share:       s, Documents: x.Documents(),
					}
					what := fmt.Sprintf("order %s, plaintext %s, share %s, operation %s", env, plain, share, op)
					if env == plain && env == share && env == op {
						got, err := x.Custody.Safeguard(t.Context(), req)
						if err != nil {
							t.Errorf("%s: the truth was refused: %v", what, err)
							continue
						}
						e.Order.Accept(t, got)
						x.safeguarded(t, what, got)
						continue
					}
					x.safeguard(t, what, req)
				}
			}
		}
	}
}

func (x *cast) safeguard(t testing.TB, what string, req *contract.SafeguardRequest, kinds ...fault.Kind) {
	t.Helper()
	got, err := x.Custody.Safeguard(t.Context(), req)
	x.refused(t, what, got, err, kinds...)
}

func (x *cast) safeguarded(t testing.TB, what string, got *contract.SafeguardResponse) {
	raw, err := proto.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	x.search(t, what, raw)
}

// forgeOrders puts another's share into orders of the attacker's own.
func forgeOrders(t *testing.T, x *cast) {
	thief := x.Party(t, "thief")
	alone := []dag.CID{thief.Identity().Name}
	kept := x.a.Order.Verified
	other := scene.Keyring(t, identity.Custody, "another custody identity")
	x.Know(other.Identity())

	for _, f := range []struct {
		name   string
		by     *identity.Keyring
		change func(*order.Terms)
		kind   fault.Kind
	}{
		{"the order as it was, signed by a thief", thief, func(*order.Terms) {}, fault.Denied},
		{"the thief as a receiver, signed by the thief", thief, func(o *order.Terms) { o.Receivers = alone }, fault.Denied},
		{"the thief in every role", thief, func(o *order.Terms) { o.Principal, o.Redeemers, o.Receivers = alone[0], alone, alone }, fault.Invalid},
		{"the thief in every role but the principal's", x.b.Principal, func(o *order.Terms) {
			o.Principal, o.Redeemers, o.Receivers = x.b.Principal.Identity().Name, alone, alone
		}, fault.Invalid},
		// The principal itself may not move a share either: it is bound to its terms.
		{"the principal with another receiver", x.a.Principal, func(o *order.Terms) { o.Receivers = alone }, fault.Invalid},
		{"the principal with another reference", x.a.Principal, func(o *order.Terms) { o.Reference = make([]byte, order.ReferenceSize) }, fault.Invalid},
		{"the principal with the other order's commitments", x.a.Principal, func(o *order.Terms) {
			o.Commitments = x.b.Order.Verified.Terms().Commitments
		}, fault.Invalid},
		{"an order to another custody identity", x.a.Principal, func(o *order.Terms) {
			o.Fiduciaries = []order.Fiduciary{{Custody: other.Identity().Party(), Node: x.Node.Identity().Party()}}
		}, fault.Denied},
		{"an order with a critical rule that nobody knows", x.a.Principal, func(o *order.Terms) {
			raw, err := dag.NewRaw(true)
			if err != nil {
				t.Fatal(err)
			}
			o.Critical = dag.Values{"approval": raw}
		}, fault.Unsupported},
		{"a key of a type that nobody knows", x.a.Principal, func(o *order.Terms) { o.What, o.KeyType = order.Key, "rsa" }, fault.Unsupported},
		{"a key in another form than its type's", x.a.Principal, func(o *order.Terms) { o.What, o.KeyType = order.Key, "ed25519" }, fault.Unsupported},
		{"a secret of a key type", x.a.Principal, func(o *order.Terms) { o.KeyType = "bls12381" }, fault.Invalid},
	} {
		t.Run(f.name, func(t *testing.T) {
			body := order.Order{Version: order.Version, Terms: *kept.Terms(), Shares: kept.Shares(), Ciphertext: kept.Ciphertext()}
			f.change(&body.Terms)
			sealed, err := envelope.Seal(f.by, envelope.Draft{
				Kind: envelope.Order, Recipients: x.recipients(t, &body.Terms), Time: time.Now(), Expires: time.Now().Add(time.Hour), Body: body,
			})
			if err != nil {
				t.Fatal(err)
			}
			x.safeguard(t, f.name, &contract.SafeguardRequest{
				OperationId: contract.OperationID(sealed.Envelope.HeaderCID(), plugintest.Instance, "share"),
				Order:       scene.Shown(sealed), Share: x.a.Share, Documents: x.Documents(),
			}, f.kind)
		})
	}
}

// orderLate shows an order whose principal has replaced, since, the document that it is signed with: a thief of the
// older key can date an order back.
func orderLate(t *testing.T, x *cast) {
	principal, next, err := identity.Create(identity.Node, "principal that rotates", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	placed, err := order.Place(principal, order.Plan{
		What: order.Key, T: 1,
		Redeemers:   []*identity.Identity{principal.Identity()},
		Receivers:   []*identity.Identity{principal.Identity()},
		Fiduciaries: []order.Choice{{Custody: x.Fiduciary, Node: x.Node.Identity()}},
	}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rotated, after, err := principal.Rotate(next, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	after.Clear()
	next.Clear()
	show := func(id *identity.Identity) *contract.SafeguardRequest {
		return &contract.SafeguardRequest{
			OperationId: contract.OperationID(placed.Envelope.Envelope.HeaderCID(), plugintest.Instance, "key"),
			Order:       scene.Shown(placed.Envelope), Documents: append(x.Documents(), x.Document(id)),
		}
	}
	x.safeguard(t, "an order with a document that was replaced", show(rotated.Identity()), fault.Denied)
	if _, err := x.Custody.Safeguard(t.Context(), show(principal.Identity())); err != nil {
		t.Errorf("the same order before the document was replaced: %v", err)
	}
}

// recipients are those that terms ask for.
func (x *cast) recipients(t testing.TB, terms *order.Terms) []*identity.Identity {
	t.Helper()
	who := x.Parties(t)
	var ids []*identity.Identity
	for _, name := range terms.Parties() {
		id, err := who.Identity(name, dag.CID{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}
