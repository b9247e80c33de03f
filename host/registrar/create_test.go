//go:build linux

package registrar_test

import (
	"context"
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/peer"
)

const networks = "/v1/network"

// body is a request's, in JSON.
type body = map[string]any

// spec is a network of all the realm's D-TAs; more is added to it.
func (r *realm) spec(more body) body {
	var names []string
	for _, d := range r.dtas {
		names = append(names, d.alias)
	}
	b := body{"name": "lab", "fiduciaries": names}
	for k, v := range more {
		b[k] = v
	}
	return b
}

// create orders a network, which everybody accepts.
func (r *realm) create(more body) rest.NetworkAnswer {
	r.t.Helper()
	got, err := r.try(more)
	if err != nil || got.State != "accepted" {
		r.t.Fatalf("expected a network; found %q, %v", got.State, err)
	}
	return got
}

func (r *realm) try(more body) (out rest.NetworkAnswer, err error) {
	return out, r.registrar.client.Call(context.Background(), http.MethodPost, networks, "", r.spec(more), &out)
}

// shown is a network as a node shows it.
func (n *node) shown(ref string) (out rest.NetworkAnswer, err error) {
	return out, n.client.Call(context.Background(), http.MethodGet, networks+"/"+ref, "", nil, &out)
}

// becomes waits until a node shows a network in a state.
func (n *node) becomes(ref, state string) (got rest.NetworkAnswer) {
	n.realm.t.Helper()
	eventually(n.realm.t, n.alias+" shows the network as "+state, func() bool {
		var err error
		got, err = n.shown(ref)
		return err == nil && got.State == state
	})
	return got
}

func TestANetworkIsMadeOfAllItsDTAs(t *testing.T) {
	r := newRealm(t, 3)
	n := r.create(body{"authority": []any{body{"kind": "client-secret", "names": []string{"cosigner", "self"}, "threshold": 1}}})

	t.Run("what is left out is at its default", func(t *testing.T) {
		var kinds []string
		needs := map[string][2]int{}
		for _, a := range n.Authority {
			kinds = append(kinds, a.Kind)
			needs[a.Kind] = [2]int{int(a.Threshold), len(a.Names)}
		}
		want := map[string][2]int{"client-secret": {1, 2}, "server-secret": {2, 2}, "time-permit": {1, 1}}
		if d := cmp.Diff(want, needs); d != "" {
			t.Errorf("signatures of names (-expected +found):\n%s", d)
		}
		if d := cmp.Diff([]string{"client-secret", "server-secret", "time-permit"}, kinds); d != "" {
			t.Errorf("kinds (-expected +found):\n%s", d)
		}
		if n.Suite != "dta-v1" || !n.Permits || !n.Revocable || n.MaxPermitDays != 31 || n.Notice != "" {
			t.Errorf("expected permits for 31 days in dta-v1, and no notice; found %+v", n)
		}
	})
	t.Run("every D-TA has committed, each to a share of its own", func(t *testing.T) {
		seen := map[string]bool{}
		for i, m := range n.Members {
			if m.Index != i || m.Peer != r.dtas[i].alias || m.State != "accepted" || m.Type != "test" || seen[m.Commitment] {
				t.Errorf("D-TA %d: found %+v", i, m)
			}
			seen[m.Commitment] = true
			point, err := hex.DecodeString(m.Commitment)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bls.ParseG1(point); err != nil {
				t.Errorf("D-TA %d: commitment: %v", i, err)
			}
		}
		if len(seen) != 3 {
			t.Errorf("expected 3 commitments; found %d", len(seen))
		}
	})
	t.Run("the charter proves it to a stranger", func(t *testing.T) {
		network, err := issue.ReadCharter(n.Charter)
		if err != nil {
			t.Fatal(err)
		}
		if network.Order.CID().String() != n.OrderCID || network.Order.TermsCID().String() != n.TermsCID || len(network.Acceptances) != 3 {
			t.Errorf("expected the charter of order %s; found that of %s", n.OrderCID, network.Order.CID())
		}
	})
	t.Run("whoever may sign in it is told, and nobody else", func(t *testing.T) {
		there := r.cosigner.becomes(n.Reference, "accepted")
		n.CreatedAt, there.CreatedAt = 0, 0 // each node's own
		n.Charter, there.Charter = nil, nil
		if d := cmp.Diff(n, there); d != "" {
			t.Errorf("at the co-signer (-expected +found):\n%s", d)
		}
		_, err := r.delegate.shown(n.Reference)
		refused(t, err, fault.NotFound)
	})
	t.Run("it is listed among the networks and the orders", func(t *testing.T) {
		second := r.create(body{"name": "second"})
		for query, want := range map[string][]string{
			"?sortBy=dateCreatedAsc":                  {n.Reference, second.Reference},
			"?sortBy=dateCreatedAsc&page=1&perPage=1": {second.Reference},
			"":                    {second.Reference, n.Reference},
			"?page=7&perPage=500": nil,
		} {
			var got rest.NetworkList
			if err := r.registrar.client.Call(t.Context(), http.MethodGet, networks+query, "", nil, &got); err != nil {
				t.Fatal(err)
			}
			var refs []string
			for _, found := range got.Networks {
				refs = append(refs, found.Reference)
			}
			if d := cmp.Diff(want, refs); d != "" || got.Total != 2 {
				t.Errorf("%q: expected 2 in all, and (-expected +found):\n%s", query, d)
			}
		}
		orders, err := r.registrar.client.List(t.Context())
		if err != nil || len(orders) != 2 || orders[0].State != "accepted" {
			t.Errorf("expected 2 orders; found %+v, %v", orders, err)
		}
	})
	t.Run("nobody gets a share out of it", func(t *testing.T) {
		_, err := r.registrar.client.Redeem(t.Context(), n.Reference)
		refused(t, err, fault.Denied)
	})
	if got := r.registrar.audited("network.created"); got != 2 {
		t.Errorf("expected 2 entries network.created; found %d", got)
	}
}

func TestASmallNetworkNeedsNoOtherNames(t *testing.T) {
	r := newRealm(t, 1)
	n := r.create(nil)
	for _, a := range n.Authority {
		if a.Threshold != 1 || len(a.Names) != 1 || a.Names[0] != r.registrar.keys.Identity().Name.String() {
			t.Errorf("%s: expected the registrar alone; found %+v", a.Kind, a)
		}
	}
}

func TestARequestWithAKeyMakesOneNetwork(t *testing.T) {
	r := newRealm(t, 2)
	ask := func(name string) (out rest.NetworkAnswer, err error) {
		return out, r.registrar.client.Call(t.Context(), http.MethodPost, networks, "nightly", r.spec(body{"name": name}), &out)
	}
	first := must(ask("lab"))(t)
	r.registrar.restart()
	again := must(ask("lab"))(t)
	if first.OrderCID != again.OrderCID || again.State != "accepted" {
		t.Errorf("expected order %s; found %s, %s", first.OrderCID, again.OrderCID, again.State)
	}
	_, err := ask("other")
	refused(t, err, fault.Conflict)
	for _, d := range r.dtas {
		if kept := d.plugin.kept.Load(); kept != 1 {
			t.Errorf("%s: expected one share; found %d", d.alias, kept)
		}
	}
}

func TestADTAThatIsDownIsWaitedFor(t *testing.T) {
	r := newRealm(t, 3)
	r.create(body{"name": "by which all offers are known"})
	r.dtas[1].down.Store(true)
	n, err := r.try(nil)
	if err != nil || n.State != "ordered" || len(n.Charter) != 0 {
		t.Fatalf("expected it to go on; found %q, %v", n.State, err)
	}
	eventually(t, "the others' acceptances are recorded", func() bool {
		got, err := r.registrar.shown(n.Reference)
		return err == nil && got.State == "ordered" &&
			got.Members[0].State == "accepted" && got.Members[1].State == "ordered" && got.Members[2].State == "accepted"
	})
	receiver := must(seal.V2.NewPrivateKey())(t)
	_, err = r.registrar.client.Issue(t.Context(), n.Reference, "client-secret", "", receiver, body{"name": "anna"})
	refused(t, err, fault.Conflict)

	r.registrar.restart()
	r.dtas[1].down.Store(false)
	whole := r.registrar.becomes(n.Reference, "accepted")
	if whole.OrderCID != n.OrderCID || len(whole.Charter) == 0 {
		t.Errorf("expected order %s with its charter; found %s", n.OrderCID, whole.OrderCID)
	}
	for _, d := range r.dtas {
		if kept := d.plugin.kept.Load(); kept != 2 {
			t.Errorf("%s: expected a share for each of two networks; found %d", d.alias, kept)
		}
	}
}

func TestAnAnswerThatDoesNotHoldIsAskedForAgain(t *testing.T) {
	r := newRealm(t, 3)
	var of string
	d := r.dtas[2]
	d.accept = func(a peer.FulfilledOrder) peer.FulfilledOrder { of = a.OrderPart2CID; return a }
	r.create(nil)
	d.mu.Lock()
	d.accept = func(a peer.FulfilledOrder) peer.FulfilledOrder { a.OrderPart2CID = of; return a }
	d.mu.Unlock()
	n, err := r.try(nil)
	if err != nil || n.State != "ordered" || n.Members[2].State != "ordered" {
		t.Fatalf("with the acceptance of another order: expected it to go on; found %q, %v", n.State, err)
	}
	d.mu.Lock()
	d.accept = nil
	d.mu.Unlock()
	r.registrar.becomes(n.Reference, "accepted")
}

func TestARefusalEndsANetwork(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(*realm)
		kind  fault.Kind
	}{
		"by a plugin": {func(r *realm) {
			r.dtas[1].plugin.set(func(p *plugin) { p.refuse = fault.New(fault.Unsupported, "it has no room") })
		}, fault.Unsupported},
		"since two D-TAs have one share": {func(r *realm) {
			s := bls.RandomScalar()
			for _, d := range r.dtas[:2] {
				d.plugin.set(func(p *plugin) { p.same = s })
			}
		}, fault.Invalid},
	} {
		t.Run(what, func(t *testing.T) {
			r := newRealm(t, 3)
			c.spoil(r)
			_, err := r.try(nil)
			refused(t, err, c.kind)
			var list rest.NetworkList
			if err := r.registrar.client.Call(t.Context(), http.MethodGet, networks, "", nil, &list); err != nil || list.Total != 1 {
				t.Fatalf("expected one network; found %d, %v", list.Total, err)
			}
			n := list.Networks[0]
			if n.State != "failed" || n.Notice == "" {
				t.Errorf("expected it to be failed, and why; found %q, %q", n.State, n.Notice)
			}
			_, err = r.registrar.client.Issue(t.Context(), n.Reference, "client-secret", "", must(seal.V2.NewPrivateKey())(t), body{"name": "anna"})
			if p := rig.Refusal(err); p == nil {
				t.Error("nothing is issued in a network that failed; something was")
			}
		})
	}
}

func TestANetworkWithoutPermitsSaysThatItCannotRevoke(t *testing.T) {
	r := newRealm(t, 2)
	n := r.create(body{"permits": false})
	if n.Permits || n.Revocable || n.Notice == "" || n.MaxPermitDays != 0 {
		t.Errorf("expected no permits, nothing revocable, and a notice; found %+v", n)
	}
	again := must(r.registrar.shown(n.Reference))(t)
	if again.Revocable || again.Notice != n.Notice {
		t.Errorf("shown again: expected the notice; found %+v", again)
	}
	receiver := must(seal.V2.NewPrivateKey())(t)
	if _, err := r.registrar.client.Issue(t.Context(), n.Reference, "client-secret", "", receiver, body{"name": "anna"}); err != nil {
		t.Fatal(err)
	}
	_, err := r.registrar.client.Issue(t.Context(), n.Reference, "time-permit", "", receiver, body{"name": "anna"})
	refused(t, err, fault.Unsupported)
	err = r.registrar.client.Call(t.Context(), http.MethodPost, networks+"/"+n.Reference+"/revocation", "", body{"name": "anna"}, &struct{}{})
	refused(t, err, fault.Unsupported)
	// Enrolled anew, the name is another identity; the one before cannot be revoked.
	second, err := r.registrar.client.Issue(t.Context(), n.Reference, "client-secret", "", receiver, body{"name": "anna", "anew": true})
	if err != nil || second.Subjects[0].Enrolment != 2 {
		t.Errorf("expected enrolment 2; found %+v, %v", second.Subjects, err)
	}
}
