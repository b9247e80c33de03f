package hostile

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// mixFoundings shows orders of networks, of a secret and of a key with every plaintext, share and operation id.
func mixFoundings(t *testing.T, x *networks) {
	orders := map[string]*contract.SafeguardRequest{
		"n": x.n.Network.Ask(), "m": x.m.Network.Ask(), "a": x.a.Order.Ask(), "k": x.k.Order.Ask(),
	}
	shares := map[string][]byte{"none": nil, "a": x.a.Share, "deposit n": x.n.Deposit, "deposit a": x.a.Deposit}
	operations := map[string]string{"n as a share": contract.OperationID(x.n.Verified.HeaderCID(), plugintest.Instance, "share")}
	for name, o := range orders {
		operations[name] = o.GetOperationId()
	}
	tried, honest := 0, 0
	for env, e := range orders {
		for plain, p := range orders {
			for share, s := range shares {
				for operation, id := range operations {
					req := &contract.SafeguardRequest{
						OperationId: id, Order: &contract.Shown{Envelope: e.GetOrder().GetEnvelope(), Plain: p.GetOrder().GetPlain()},
						Share: s, Documents: x.Documents(),
					}
					what := fmt.Sprintf("order %s, plaintext %s, share %s, operation %s", env, plain, share, operation)
					tried++
					if env != plain || env != operation || !bytes.Equal(s, e.GetShare()) {
						x.safeguard(t, what, req)
						continue
					}
					honest++
					got, err := x.Custody.Safeguard(t.Context(), req)
					if err != nil {
						t.Errorf("%s: the truth was refused: %v", what, err)
						continue
					}
					x.safeguarded(t, what, got)
				}
			}
		}
	}
	if honest != len(orders) {
		t.Errorf("expected %d true combinations among %d; found %d", len(orders), tried, honest)
	}
	t.Logf("%d combinations, %d of them true", tried, honest)
}

// forgeFoundings orders networks that nobody should serve.
func forgeFoundings(t *testing.T, x *networks) {
	thief := x.Party(t, "thief")
	kept := x.n.Verified
	other := scene.Keyring(t, identity.Custody, "another custody identity")
	x.Know(other.Identity())
	govern := func(change func(*order.NetworkTerms)) func(*order.Terms) {
		return func(o *order.Terms) {
			terms, _ := kept.Network()
			terms.Authority = slices.Clone(terms.Authority)
			change(terms)
			raw, err := dag.NewRaw(terms)
			if err != nil {
				t.Fatal(err)
			}
			o.Critical = dag.Values{"network": raw}
		}
	}
	for _, f := range []struct {
		name   string
		by     *identity.Keyring
		change func(*order.Terms)
		kind   fault.Kind
	}{
		{"the network as it was, signed by a thief", thief, func(*order.Terms) {}, fault.Denied},
		{"the network as it was, signed by one of its authority", x.n.Cosigner, func(*order.Terms) {}, fault.Denied},
		{"a network that is called a key", x.n.Registrar, func(o *order.Terms) { o.What = order.Key }, fault.Invalid},
		{"a network that is called a secret", x.n.Registrar, func(o *order.Terms) { o.What = order.Secret }, fault.Invalid},
		{"a network without its terms", x.n.Registrar, func(o *order.Terms) { o.Critical = nil }, fault.Invalid},
		{"a network with a receiver", x.n.Registrar, func(o *order.Terms) { o.Receivers = []dag.CID{thief.Identity().Name} }, fault.Invalid},
		{"a network whose redeemers are others than its authority", x.n.Registrar, func(o *order.Terms) {
			o.Redeemers = []dag.CID{thief.Identity().Name}
		}, fault.Invalid},
		{"a network of a threshold", x.n.Registrar, func(o *order.Terms) { o.T = 1 }, fault.Invalid},
		{"a network with commitments", x.n.Registrar, func(o *order.Terms) { o.Commitments = x.a.Order.Verified.Terms().Commitments }, fault.Invalid},
		{"a network that claims to revoke", x.n.Registrar, func(o *order.Terms) { o.Policy.Enforcement = "" }, fault.Invalid},
		{"a network of others", x.n.Registrar, func(o *order.Terms) {
			o.Fiduciaries = slices.Clone(o.Fiduciaries)
			o.Fiduciaries[x.n.Index].Custody = other.Identity().Party()
		}, fault.Denied},
		{"a network of an unknown suite", x.n.Registrar, govern(func(n *order.NetworkTerms) { n.Suite = "rot13" }), fault.Unsupported},
		{"a network that is shared otherwise", x.n.Registrar, govern(func(n *order.NetworkTerms) { n.Sharing = "threshold" }), fault.Unsupported},
		{"a network with nobody's authority", x.n.Registrar, govern(func(n *order.NetworkTerms) { n.Authority[0].Threshold = 0 }), fault.Invalid},
		{"a network without a rule", x.n.Registrar, govern(func(n *order.NetworkTerms) { n.Authority = n.Authority[:2] }), fault.Invalid},
		{"a network with permits for ever", x.n.Registrar, govern(func(n *order.NetworkTerms) { n.MaxDays = 365 }), fault.Invalid},
		{"a network with a critical rule that nobody knows", x.n.Registrar, govern(func(n *order.NetworkTerms) {
			raw, err := dag.NewRaw(true)
			if err != nil {
				t.Fatal(err)
			}
			n.Critical = dag.Values{"quota": raw}
		}), fault.Unsupported},
	} {
		t.Run(f.name, func(t *testing.T) {
			body := order.Order{Version: order.Version, Terms: *kept.Terms()}
			f.change(&body.Terms)
			sealed, err := envelope.Seal(f.by, envelope.Draft{
				Kind: envelope.Order, Recipients: x.recipients(t, &body.Terms), Time: time.Now(), Expires: time.Now().Add(time.Hour), Body: body,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, purpose := range []string{"network-share", "share", "key"} {
				// The wrong purpose may be noticed first.
				kinds := []fault.Kind{f.kind}
				if purpose != "network-share" {
					kinds = append(kinds, fault.Invalid)
				}
				x.safeguard(t, f.name+", as a "+purpose, &contract.SafeguardRequest{
					OperationId: contract.OperationID(sealed.Envelope.HeaderCID(), plugintest.Instance, purpose),
					Order:       scene.Shown(sealed), Documents: x.Documents(),
				}, kinds...)
			}
		})
	}
}

func sortNames(names []dag.CID) { slices.SortFunc(names, dag.CID.Compare) }
