package hostile

import (
	"fmt"
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

// mixRequests takes the product of whole parts of two networks and an order, forged ones among them.
func mixRequests(t *testing.T, x *networks) {
	orders := []whole[*contract.Shown]{
		{name: "network n", is: scene.Shown(x.n.Placed.Envelope), belongs: "n"},
		{name: "network m", is: scene.Shown(x.m.Placed.Envelope), belongs: "m"},
		{name: "order a", is: scene.Shown(x.a.Placed.Envelope)},
	}
	acceptances := append(x.forgedFoundings(t),
		whole[*contract.Shown]{name: "acceptance n", is: x.n.Shown, belongs: "n"},
		whole[*contract.Shown]{name: "second acceptance n", is: x.n2.Shown, belongs: "n2"},
		whole[*contract.Shown]{name: "acceptance m", is: x.m.Shown, belongs: "m"},
		whole[*contract.Shown]{name: "acceptance a", is: x.a.Shown},
	)
	requests := []whole[*contract.Shown]{
		{name: "client secrets of n", is: scene.Shown(x.clients.Envelope), belongs: "n"},
		{name: "server secret of n", is: scene.Shown(x.server.Envelope), belongs: "n"},
		{name: "permits of n", is: scene.Shown(x.permits.Envelope), belongs: "n"},
		{name: "client secrets of m", is: scene.Shown(x.others.Envelope), belongs: "m"},
		{name: "redemption a", is: scene.Shown(x.a.Envelope)},
	}
	rolls := map[string][]byte{
		"client secrets of n": x.clients.Roll, "server secret of n": x.server.Roll, "permits of n": x.permits.Roll, "client secrets of m": x.others.Roll,
		"redemption a": x.clients.Roll,
	}
	asked := map[string]*scene.Inquiry{
		"client secrets of n": x.clients, "server secret of n": x.server, "permits of n": x.permits, "client secrets of m": x.others,
	}
	deposits := []whole[[]byte]{
		{name: "deposit n", is: x.n.Deposit, belongs: "n"},
		{name: "second deposit n", is: x.n2.Deposit, belongs: "n2"},
		{name: "deposit m", is: x.m.Deposit, belongs: "m"},
		{name: "deposit a", is: x.a.Deposit},
		{name: "deposit of the node's key", is: x.node},
	}
	if len(x.Root) > 0 {
		deposits = append(deposits, whole[[]byte]{name: "root", is: x.Root})
	}
	founded := map[string]*scene.Founded{"n": x.n, "n2": x.n2, "m": x.m}
	tried, honest := 0, 0
	for _, o := range orders {
		for _, a := range acceptances {
			for _, r := range requests {
				for _, d := range deposits {
					req := asking(o.is, a.is, r.is, rolls[r.name], d.is, x)
					what := fmt.Sprintf("%s, %s, %s, %s", o.name, a.name, r.name, d.name)
					tried++
					ofN := a.belongs == "n2" && o.belongs == "n" // the network was founded twice
					same := a.belongs != "" && a.belongs == d.belongs && o.belongs == r.belongs && (a.belongs == o.belongs || ofN)
					switch {
					case same:
						honest++
						x.issue(t, what, req, of(founded[a.belongs], asked[r.name]))
					case o.belongs == "n" && r.belongs == "n" && d.belongs == "n" && a.alone != "":
						x.issue(t, what, req, nil, a.alone)
					case o.belongs == "n" && r.belongs == "n" && a.belongs == "n":
						x.issue(t, what, req, nil, fault.Denied)
					default:
						x.issue(t, what, req, nil, anyRefusal...)
					}
				}
			}
		}
	}
	// Three requests of a network that was founded twice, one of the other.
	if want := 3*2 + 1; honest != want {
		t.Errorf("expected %d true combinations among %d; found %d", want, tried, honest)
	}
	t.Logf("%d combinations, %d of them true", tried, honest)
}

func asking(o, a, r *contract.Shown, roll, deposit []byte, x *networks) *contract.IssueRequest {
	return &contract.IssueRequest{
		OperationId: contract.OperationID(operationOf(r), plugintest.Instance, "network-share"),
		Order:       o, Acceptance: a, Request: r, Roll: roll, Deposit: deposit, Documents: x.Documents(),
	}
}

// forgeRequests shows every forged request with every order, and what the plugin keeps for each network.
func forgeRequests(t *testing.T, x *networks) {
	orders := map[string]*contract.Shown{"n": scene.Shown(x.n.Placed.Envelope), "m": scene.Shown(x.m.Placed.Envelope), "a": scene.Shown(x.a.Placed.Envelope)}
	tried, honest := 0, 0
	for _, f := range x.unforged(t) {
		for i, kept := range []*scene.Founded{x.n, x.n2} {
			r, roll := f.make(t, x)
			got, err := x.Issuing.Issue(t.Context(), asking(orders["n"], kept.Shown, r, roll, kept.Deposit, x))
			if err != nil {
				t.Errorf("%s, deposit %d: the truth was refused: %v", f.name, i, err)
				continue
			}
			x.hear(t, f.name, got)
			honest++
		}
	}
	if want := 2 * 4; honest != want {
		t.Errorf("expected %d answers to what the forger made without forging; got %d", want, honest)
	}
	for _, list := range [][]forgery{x.forgedRequests(t), x.forgedApprovals(t), x.forgedDelegations(t)} {
		for _, f := range list {
			r, roll := f.make(t, x)
			for name, o := range orders {
				for i, kept := range []*scene.Founded{x.n, x.n2, x.m} {
					kinds := anyRefusal
					if name == "n" && i < 2 {
						kinds = []fault.Kind{f.kind}
					}
					x.issue(t, fmt.Sprintf("%s, order %s, deposit %d", f.name, name, i), asking(o, kept.Shown, r, roll, kept.Deposit, x), nil, kinds...)
					tried++
				}
			}
		}
	}
	// The people whose names were abused have lost nothing.
	for _, q := range []*scene.Inquiry{x.clients, x.server, x.permits, x.others} {
		x.issue(t, "the truth afterwards", q.Ask(), q)
	}
	t.Logf("%d combinations, none of them true, beside %d without a forgery", tried, honest)
}

// forgedFoundings are acceptances of network n for the very deposit that the plugin made.
func (x *networks) forgedFoundings(t testing.TB) []whole[*contract.Shown] {
	t.Helper()
	forge := func(name string, by *identity.Keyring, index int) whole[*contract.Shown] {
		sealed, err := envelope.Seal(by, envelope.Draft{
			Kind: envelope.Acceptance, Recipients: x.Readers(t, x.n.Verified.Terms().ReadersOf(index)), Time: time.Now(), Expires: time.Now().Add(time.Hour),
			Previous: []dag.CID{x.n.Verified.CID()},
			Body: order.Acceptance{
				Version: order.Version, Order: x.n.Verified.CID(), Terms: x.n.Verified.TermsCID().Bytes(), Index: uint64(index),
				Commitment: x.n.Acceptance.Commitment(), Proof: []byte{}, Receipt: x.n.Acceptance.Receipt(),
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return whole[*contract.Shown]{name: name, is: scene.Shown(sealed), alone: fault.Denied}
	}
	// The neighbour proves that it knows a share of its own: its acceptance is a true one, for this plugin's deposit.
	c := x.n.Whole.Acceptances[1-x.n.Index]
	sealed, err := order.Accept(x.n.Other(), x.n.Verified, 1-x.n.Index, order.Commitment{Value: c.Commitment(), Proof: x.n.OtherProof(t)}, x.n.Acceptance.Receipt(), nil, x.Parties(t), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return []whole[*contract.Shown]{
		forge("acceptance by the neighbour in this plugin's place", x.n.Other(), x.n.Index),
		forge("acceptance by the node", x.Node, x.n.Index),
		forge("acceptance by the registrar", x.n.Registrar, x.n.Index),
		{name: "the neighbour's acceptance for this plugin's deposit", is: scene.Shown(sealed), alone: fault.Denied},
	}
}
