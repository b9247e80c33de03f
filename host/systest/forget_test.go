//go:build linux

package systest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestAForgottenNameIsInNoFileOfAnyNode enrols somebody in all the ways there are,
// has permits issued, refused and revoked, and has every node forget the name. Then
// no file of any node, its log at trace level included, has it in any form; and who
// was revoked stays so.
func TestAForgottenNameIsInNoFileOfAnyNode(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	f := rig.Federate(t, 2, rig.Options{Log: "trace"})
	n, err := f.Registrar.Client().CreateNetwork(ctx, "", map[string]any{
		"name": "lab", "fiduciaries": []string{"dta-1", "dta-2"},
		"authority": []any{
			map[string]any{"kind": "server-secret", "names": []string{"self"}},
			map[string]any{"kind": "time-permit", "names": []string{"self", "cosigner"}, "threshold": 1},
		},
	})
	if err != nil || n.State != "accepted" {
		t.Fatalf("expected a network; found %+v, %v", n, err)
	}
	path := "/v1/network/" + n.Reference
	name := string(canary()) + "@example.com"
	var names needles
	names.add(t, "the name", []byte(name))
	names.add(t, "the name without its domain", []byte(name[:len(name)-len("@example.com")]))
	ask := func(by *rig.Node, kind, once string, body map[string]any) rig.Issued {
		t.Helper()
		k, err := seal.V2.NewPrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		defer k.Clear()
		got, err := by.Client().Issue(ctx, n.Reference, kind, once, k, body)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if got.State == "issued" {
			received, err := got.Receive(n.Order(), k)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if tags := received.Request.Request().Tags; kind == "client-secret" && (len(tags) != len(got.Subjects) || len(tags[0]) != 16) {
				t.Errorf("expected a permit tag; found %x", tags)
			}
			received.Clear()
		}
		return got
	}
	issued := func(got rig.Issued) {
		t.Helper()
		if got.State != "issued" {
			t.Fatalf("expected grants; found %q, %+v", got.State, got.Faults)
		}
	}
	refused := func(by *rig.Node, kind string, status int, body map[string]any) {
		t.Helper()
		k, err := seal.V2.NewPrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		defer k.Clear()
		_, err = by.Client().Issue(ctx, n.Reference, kind, "", k, body)
		if p := rig.Refusal(err); p == nil || p.HTTP != status {
			t.Errorf("%s: expected %d; found %v", kind, status, err)
		}
	}
	call := func(by *rig.Node, what string, body, answer any) {
		t.Helper()
		if answer == nil {
			answer = new(map[string]any)
		}
		if err := by.Client().Call(ctx, http.MethodPost, path+"/"+what, "", body, answer); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	who := map[string]any{"name": name}
	issued(ask(f.Registrar, "client-secret", "enrol "+name, map[string]any{"name": name}))
	refused(f.Registrar, "client-secret", http.StatusConflict, map[string]any{"name": name})
	issued(ask(f.Registrar, "client-secret", "", map[string]any{"names": []string{name + ".org", "somebody@example.com"}}))
	issued(ask(f.Registrar, "time-permit", "permits for "+name, map[string]any{"name": name, "days": 2}))
	issued(ask(f.Registrar, "server-secret", "", map[string]any{"name": name[:60]}))
	call(f.Registrar, "revocation", who, nil)
	refused(f.Registrar, "time-permit", http.StatusForbidden, map[string]any{"name": name})
	if got := ask(f.Cosigner, "time-permit", "", map[string]any{"name": name, "enrolment": 1}); got.State != "incomplete" || len(got.Grants) != 0 {
		t.Errorf("permits of somebody revoked: expected refusals; found %q, %d grants", got.State, len(got.Grants))
	}
	var handed struct {
		Delegation []byte `json:"delegation"`
	}
	call(f.Registrar, "delegation", map[string]any{"to": "cosigner", "kinds": []string{"client-secret"}, "suffix": "@example.com", "seconds": 3600}, &handed)
	issued(ask(f.Cosigner, "client-secret", "", map[string]any{"name": name, "enrolment": 2, "delegation": handed.Delegation}))
	issued(ask(f.Cosigner, "time-permit", "", map[string]any{"name": name, "enrolment": 2}))
	call(f.Registrar, "report", map[string]any{"requestCID": n.OrderCID, "index": 0, "reason": "what " + name + " says"}, nil)
	for _, node := range f.Nodes() {
		node.AwaitDone(ctx, records.JobNotice, records.JobRevoke, records.JobProve)
	}
	for i, node := range f.Nodes() {
		var first, again rest.ForgetAnswer
		call(node, "forget", who, &first)
		call(node, "forget", who, &again)
		if first.Requests == 0 || (first.Enrolments > 0) != (i < 2) {
			t.Errorf("%s: expected requests to be forgotten, and enrolments where they are known; found %+v", node.Name, first)
		}
		if again.Requests != 0 || again.Enrolments != 0 || again.Subject != first.Subject {
			t.Errorf("%s: expected nothing to be left; found %+v", node.Name, again)
		}
	}
	call(f.Registrar, "forget", map[string]any{"name": name + ".org"}, nil)
	call(f.Registrar, "forget", map[string]any{"name": name[:60]}, nil) // the server's
	for _, node := range f.Nodes() {
		found, size := names.files(t, node.Dir)
		for _, where := range found {
			t.Errorf("%s: %s", node.Name, where)
		}
		if size < 100_000 {
			t.Errorf("%s: expected files to search; found %d bytes", node.Name, size)
		}
	}
	refused(f.Registrar, "time-permit", http.StatusForbidden, map[string]any{"name": name, "enrolment": 1})
	issued(ask(f.Registrar, "time-permit", "", map[string]any{"name": name, "enrolment": 2})) // which was not
}
