package hostile

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// mixDeposits puts deposits together from the parts of several, and asks for what they hold where the host could
// read it.
func mixDeposits(t *testing.T, x *cast) {
	parts := map[string]scene.Deposit{
		"a": scene.Take(t, x.a.Deposit), "second a": scene.Take(t, x.a2.Deposit), "b": scene.Take(t, x.b.Deposit), "k": scene.Take(t, x.k.Deposit),
		"node": scene.Take(t, x.node), "announced": scene.Take(t, x.next),
	}
	if len(x.Root) > 0 {
		parts["root"] = scene.Take(t, x.Root)
	}
	var names []string
	for name := range parts {
		names = append(names, name)
	}
	open := func(what string, d scene.Deposit, own bool) {
		got, err := x.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: d.Block(t)})
		if !own {
			x.refused(t, what, got, err, fault.Denied, fault.Invalid)
			return
		}
		if err != nil || !bytes.Equal(got.GetKey(), x.nodeKey) {
			t.Errorf("%s: expected the node's key; got %v", what, err)
		}
	}
	product(names, 3, func(pick []string) {
		what := fmt.Sprintf("binding of %s, held of %s, record of %s", pick[0], pick[1], pick[2])
		d := scene.Deposit{Version: 1, Binding: parts[pick[0]].Binding, Held: parts[pick[1]].Held, Record: parts[pick[2]].Record}
		open(what, d, allSame(pick) && pick[0] == "node")

		// As a share of order a: the acceptance was signed for one deposit only.
		req := x.a.Ask()
		req.Deposit = d.Block(t)
		var honest *scene.Redeemed
		if bytes.Equal(req.Deposit, x.a.Deposit) {
			honest = x.a
		}
		x.restore(t, what, req, honest, fault.Denied)
	})
	// Each under the binding of the node's key, field by field.
	for name, d := range parts {
		for i, purpose := range []string{"node-identity", "share", "key", "network-share", "custody-root", ""} {
			for _, terms := range []dag.CID{{}, d.Binding.Terms, x.a.Order.Verified.TermsCID()} {
				for _, custody := range []dag.CID{{}, d.Binding.Custody} {
					changed := d
					changed.Binding = scene.Binding{Purpose: purpose, Terms: terms, Custody: custody, Epoch: d.Binding.Epoch}
					open(fmt.Sprintf("%s called %q (%d)", name, purpose, i), changed, changed.Binding == parts["node"].Binding && name == "node")
				}
			}
		}
	}
}

// mixRoots starts the plugin with roots that are not the realm's.
func mixRoots(t *testing.T, x *cast) {
	known := scene.Name(x.Fiduciary.Name)
	stranger := scene.Name(scene.Keyring(t, identity.Custody, "stranger").Identity().Name)
	type start struct {
		name  string
		root  []byte
		known []byte
	}
	starts := []start{
		{"the share of an order as the root", x.a.Deposit, known},
		{"an ordered key as the root", x.k.Deposit, known},
		{"the node's key as the root", x.node, known},
		{"the announced key as the root", x.next, known},
		{"the true root, another identity expected", x.Root, stranger},
	}
	if len(x.Root) > 0 {
		starts = append(starts, start{"no root", nil, known})
		root := scene.Take(t, x.Root)
		for name, block := range map[string][]byte{"a share": x.a.Deposit, "the node's key": x.node, "the announced key": x.next} {
			d := scene.Take(t, block)
			d.Binding = root.Binding
			starts = append(starts, start{name + " called the root", d.Block(t), known})
			d = root
			d.Held = scene.Take(t, block).Held
			starts = append(starts, start{"the root under what holds " + name, d.Block(t), known})
		}
		root.Binding.Custody = x.stranger.Identity().Name
		starts = append(starts, start{"the root called another's", root.Block(t), known}, start{"the root called another's and expected so", root.Block(t), scene.Name(x.stranger.Identity().Name)})
		root = scene.Take(t, x.Root)
		root.Binding.Epoch++
		starts = append(starts, start{"the root called a later one", root.Block(t), known})
	}
	x.Kill()
	for _, s := range starts {
		t.Run(s.name, func(t *testing.T) {
			r := plugintest.Launch(t, x.Config)
			got, err := r.Plugin.Configure(t.Context(), x.Config.ConfigureRequest(r, s.root, s.known))
			x.refused(t, s.name, got, err, fault.Denied, fault.Invalid, fault.NotFound, fault.Conflict)
			r.Kill()
			x.search(t, "the log", []byte(r.Log()))
		})
	}
	// The realm itself is unharmed.
	x.Restart(t)
	if got := x.Give(t, x.a); !bytes.Equal(got, x.a.Secret) {
		t.Error("another secret came back")
	}
}
