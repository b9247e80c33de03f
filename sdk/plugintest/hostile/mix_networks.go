package hostile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/internal/scene"
)

// mixRequestPlaintexts shows every envelope of two networks beside every plaintext, under both operation ids.
func mixRequestPlaintexts(t *testing.T, x *networks) {
	asked := map[string]*scene.Inquiry{"n": x.clients, "m": x.others}
	from := map[string]*contract.IssueRequest{"n": x.clients.Ask(), "m": x.others.Ask()}
	tried, honest := 0, 0
	product([]string{"n", "m"}, 8, func(pick []string) {
		show := func(part func(*contract.IssueRequest) *contract.Shown, env, plain string) *contract.Shown {
			return &contract.Shown{Envelope: part(from[env]).GetEnvelope(), Plain: part(from[plain]).GetPlain()}
		}
		req := &contract.IssueRequest{
			Order:       show((*contract.IssueRequest).GetOrder, pick[0], pick[1]),
			Acceptance:  show((*contract.IssueRequest).GetAcceptance, pick[2], pick[3]),
			Request:     show((*contract.IssueRequest).GetRequest, pick[4], pick[5]),
			Roll:        from[pick[4]].GetRoll(),
			Deposit:     from[pick[6]].GetDeposit(),
			OperationId: from[pick[7]].GetOperationId(),
			Documents:   x.Documents(),
		}
		tried++
		if allSame(pick) {
			honest++
			x.issue(t, fmt.Sprint(pick), req, asked[pick[0]])
			return
		}
		x.issue(t, fmt.Sprint(pick), req, nil)
	})
	if honest != 2 {
		t.Errorf("expected 2 true combinations among %d; found %d", tried, honest)
	}
	t.Logf("%d combinations, %d of them true", tried, honest)
}

// confusePurposes puts what was kept for one purpose to the uses of all others: a network's share as a share, a key, the
// node's key or a root, and each of those as a network's share.
func confusePurposes(t *testing.T, x *networks) {
	kept := map[string][]byte{
		"n": x.n.Deposit, "n2": x.n2.Deposit, "m": x.m.Deposit, "a": x.a.Deposit, "k": x.k.Deposit, "node": x.node, "announced": x.next,
	}
	mixed := []string{"n", "n2", "m", "a", "k", "node"} // mixDeposits has the others
	if len(x.Root) > 0 {
		kept["root"] = x.Root
		mixed = append(mixed, "root")
	}
	parts := map[string]scene.Deposit{}
	for name, block := range kept {
		parts[name] = scene.Take(t, block)
	}
	tried, honest := 0, 0
	// use asks for a deposit in every way there is; is names whose it truly is.
	use := func(what string, deposit []byte, is string) {
		tried += 4
		req := x.clients.Ask()
		req.Deposit = deposit
		if is == "n" {
			honest++
			x.issue(t, what+", issuing", req, x.clients)
		} else {
			x.issue(t, what+", issuing", req, nil, fault.Denied)
		}
		for _, r := range []*scene.Redeemed{x.a, x.k} {
			req := r.Ask()
			req.Deposit = deposit
			if is == "a" && r == x.a || is == "k" && r == x.k {
				honest++
				x.restore(t, what+", restoring", req, r)
			} else {
				x.restore(t, what+", restoring", req, nil, fault.Denied)
			}
		}
		got, err := x.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: deposit})
		if is == "node" {
			honest++
			if err != nil || string(got.GetKey()) != string(x.nodeKey) {
				t.Errorf("%s: expected the node's key; got %v", what, err)
			}
			return
		}
		x.refused(t, what+", as the node's key", got, err, fault.Denied, fault.Invalid)
	}
	product(mixed, 3, func(pick []string) {
		d := scene.Deposit{Version: 1, Binding: parts[pick[0]].Binding, Held: parts[pick[1]].Held, Record: parts[pick[2]].Record}
		// Both shares of n have one binding.
		is := ""
		if pick[1] == pick[2] && d.Binding == parts[pick[1]].Binding {
			is = pick[1]
		}
		use(fmt.Sprintf("binding of %s, held of %s, record of %s", pick[0], pick[1], pick[2]), d.Block(t), is)
	})
	for name, d := range parts {
		for _, purpose := range []string{"network-share", "share", "key", "custody-root", "node-identity", "", "issue"} {
			for epoch := range uint64(2) {
				changed := d
				changed.Binding.Purpose, changed.Binding.Epoch = purpose, epoch
				if changed.Binding == d.Binding {
					continue
				}
				use(fmt.Sprintf("%s called %q of epoch %d", name, purpose, epoch), changed.Block(t), "")
				// With the network's own name on it besides.
				changed.Binding = parts["n"].Binding
				changed.Binding.Purpose, changed.Binding.Epoch = purpose, epoch
				if changed.Binding != d.Binding {
					use(fmt.Sprintf("%s called n's %q of epoch %d", name, purpose, epoch), changed.Block(t), "")
				}
			}
		}
	}
	// n for its request, under its own binding and the second share's; a and k for theirs, and the node's own.
	if honest != 5 {
		t.Errorf("expected 5 true uses among %d; found %d", tried, honest)
	}
	t.Logf("%d uses, %d of them true", tried, honest)
	rootsOfNetworks(t, x)
}

// rootsOfNetworks starts the plugin with networks' shares for a root.
func rootsOfNetworks(t *testing.T, x *networks) {
	x.Kill()
	known := scene.Name(x.Fiduciary.Name)
	starts := map[string][]byte{"a network's share as the root": x.n.Deposit}
	if len(x.Root) > 0 {
		d := scene.Take(t, x.n.Deposit)
		d.Binding = scene.Take(t, x.Root).Binding
		starts["a network's share called the root"] = d.Block(t)
	}
	for name, root := range starts {
		r := plugintest.Launch(t, x.Config)
		got, err := r.Plugin.Configure(t.Context(), x.Config.ConfigureRequest(r, root, known))
		x.refused(t, name, got, err, fault.Denied, fault.Invalid, fault.NotFound, fault.Conflict)
		r.Kill()
		x.search(t, "the log", []byte(r.Log()))
	}
	x.Restart(t)
	x.issue(t, "the truth afterwards", x.server.Ask(), x.server)
}

// redeemNetwork asks for a network's share to be released: to its registrar even, and by every name there is.
func redeemNetwork(t *testing.T, x *networks) {
	n := x.n.Verified
	tried := 0
	for who, by := range map[string]*identity.Keyring{
		"the registrar": x.n.Registrar, "the co-signer": x.n.Cosigner, "the node": x.Node, "a stranger": x.stranger, "the neighbour": x.n.Other(),
	} {
		for whom, receiver := range map[string]*identity.Keyring{"the registrar": x.n.Registrar, "itself": by} {
			for _, reply := range [][][]byte{nil, {x.clients.Receiver.Public(), x.clients.Receiver.Public()}} {
				sealed, err := envelope.Seal(by, envelope.Draft{
					Kind: envelope.Redemption, Recipients: x.Readers(t, n.Terms().Parties()), Time: time.Now(), Expires: time.Now().Add(order.RedemptionLife),
					Previous: []dag.CID{x.n.Whole.Acceptances[1-x.n.Index].CID(), x.n.Acceptance.CID(), n.CID()},
					Body: order.Redemption{
						Version: order.Version, Order: n.CID(), Terms: n.TermsCID().Bytes(), Receiver: receiver.Identity().Name,
						Asked: []uint64{0, 1}, ReplyKeys: reply, Nonce: secret.Random(order.NonceSize).Open(),
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				for _, purpose := range []string{"network-share", "share", "key"} {
					for _, r := range []*contract.Shown{scene.Shown(sealed), scene.Shown(x.clients.Envelope), scene.Shown(x.a.Envelope)} {
						tried++
						x.restore(t, fmt.Sprintf("a redemption by %s for %s, as a %s", who, whom, purpose), &contract.RestoreRequest{
							OperationId: contract.OperationID(operationOf(r), plugintest.Instance, purpose),
							Order:       scene.Shown(x.n.Placed.Envelope), Acceptance: x.n.Shown, Redemption: r, Deposit: x.n.Deposit, Documents: x.Documents(),
						}, nil)
					}
				}
			}
		}
	}
	t.Logf("%d redemptions, none of them true", tried)
}

// mixRequestDocuments makes a true request, which two have signed, that names other identity documents than it needs.
func mixRequestDocuments(t *testing.T, x *networks) {
	full := x.server.Ask().GetDocuments()
	tried, last := 0, (*contract.IssueResponse)(nil)
	for i := range full {
		req := x.server.Ask()
		req.Documents = slices.Delete(slices.Clone(full), i, i+1)
		tried++
		// Somebody may be left out whom this request has no need of.
		if got, err := x.Issuing.Issue(t.Context(), req); err != nil {
			x.refused(t, fmt.Sprintf("document %d left out", i), got, err)
		} else {
			x.hear(t, fmt.Sprintf("document %d left out", i), got)
			last = got
		}
		for _, step := range []int{0, 1, 7, 13} {
			j := (i + step) % len(full)
			req := x.server.Ask()
			req.Documents[i] = full[j]
			tried++
			what := fmt.Sprintf("document %d named in place of %d", j, i)
			if got, err := x.Issuing.Issue(t.Context(), req); err != nil {
				x.refused(t, what, got, err)
			} else {
				x.hear(t, what, got)
			}
		}
	}
	x.server.Open(t, last)
	t.Logf("%d mixtures of documents", tried)
}
