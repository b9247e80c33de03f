package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// A node that lies about what is asked would have a co-signer approve a server's
// secret, or anybody's, to a key of the node's.
func TestNobodyIsAskedToApproveWhatWasNotWanted(t *testing.T) {
	var asked int
	signer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(rest.ApprovalAnswer{Approval: []byte("signed")})
	}))
	defer signer.Close()
	network, other := dag.Sum([]byte("network")), dag.Sum([]byte("another"))
	key, number := []byte("the key made here"), uint64(7)
	for name, test := range map[string]struct {
		kind  order.IssueKind
		edit  func(*issue.Asked)
		names string // what the error does; "" where the co-signer is asked
	}{
		"a client secret as wanted":     {order.ClientSecret, func(*issue.Asked) {}, ""},
		"a server's secret":             {order.ClientSecret, func(r *issue.Asked) { r.Kind = order.ServerSecret }, "server-secret"},
		"another person's":              {order.ClientSecret, func(r *issue.Asked) { r.Subjects[0].Name = "mallory" }, "anna"},
		"two people's":                  {order.ClientSecret, func(r *issue.Asked) { r.Subjects = append(r.Subjects, issue.Subject{Name: "mallory"}) }, "anna"},
		"another enrolment":             {order.ClientSecret, func(r *issue.Asked) { r.Subjects[0].Enrolment = 6 }, "enrolment 7"},
		"to another key":                {order.ClientSecret, func(r *issue.Asked) { r.Receiver = []byte("mallory's key") }, "the key made here"},
		"of another network":            {order.ClientSecret, func(r *issue.Asked) { r.Order = other }, network.String()},
		"permits as wanted":             {order.TimePermit, func(r *issue.Asked) { r.First, r.Days = 20_000, 2 }, ""},
		"permits for more days":         {order.TimePermit, func(r *issue.Asked) { r.First, r.Days = 20_000, 31 }, "days"},
		"permits from another day on":   {order.TimePermit, func(r *issue.Asked) { r.First, r.Days = 20_001, 2 }, "days"},
		"a client secret for a permit":  {order.TimePermit, func(r *issue.Asked) { r.Kind, r.First, r.Days = order.ClientSecret, 20_000, 2 }, "time-permit"},
		"a permit where a secret is to": {order.ClientSecret, func(r *issue.Asked) { r.Kind = order.TimePermit }, "client-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			w := wanted{
				network: &rest.NetworkAnswer{Reference: "aa", OrderCID: network.String()}, order: network, kind: test.kind,
				IssueRequest: rest.IssueRequest{Name: "anna", Enrolment: &number, Receiver: key},
			}
			if test.kind == order.TimePermit {
				w.First, w.Days = "2024-10-04", 2
			}
			r := &issue.Asked{
				Request: issue.Request{Version: issue.Version, Order: network, Kind: test.kind, Receiver: key},
				Roll:    issue.Roll{Subjects: []issue.Subject{{Name: "anna", Enrolment: 7}}},
			}
			test.edit(r)
			block, err := r.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			a := &app{err: &said}
			approvals, err := a.gather(t.Context(), w, &rest.IssueAnswer{Pending: block, Needed: 1}, asking{coSigners: []string{signer.URL}})
			if test.names == "" {
				if err != nil || asked != 1 || len(approvals) != 1 {
					t.Errorf("expected the co-signer's approval; found %d calls, %v", asked, err)
				}
				if !strings.Contains(said.String(), fingerprint(key)) {
					t.Errorf("expected the key's fingerprint to be shown; found %q", said.String())
				}
				return
			}
			if fault.Of(err) != fault.Denied || !strings.Contains(err.Error(), test.names) || asked != 0 {
				t.Errorf("expected a refusal that names %q, and nobody asked; found %d calls, %v", test.names, asked, err)
			}
		})
	}
}

// A node chooses what it calls a network's order; the charter proves it.
func TestNobodyIsAskedToApproveInAnotherNetwork(t *testing.T) {
	f := federate(t, 2)
	ref, other := f.ref(), dag.Sum([]byte("another"))
	f.describe = func(n *rest.NetworkAnswer) { n.OrderCID = other.String() }
	var wish issue.Wish
	f.ask = func(q *issue.Wish) { wish = *q }
	f.answer = func(a *rest.IssueAnswer) {
		asked := must(issue.Draft(f.network.Order, wish, time.Now()))(t)
		asked.Order = other
		*a = rest.IssueAnswer{State: "approval", Needed: 1, Pending: must(asked.Marshal())(t)}
	}
	request := file(t, "request")
	code, _, errOut := f.run("1234\n", "network", "enrol-client", ref, "anna", "--out", file(t, "out"), "--pin-stdin", "--request", request, "--approval", file(t, "approval"))
	if code != ExitDenied || !strings.Contains(errOut, "nobody is asked to approve") {
		t.Errorf("expected a refusal; found %d, %s", code, errOut)
	}
	nothingIn(t, request)
}

// A delegation is in one network: one that its registrar's node has under the same
// reference is another.
func TestADelegationIsUsedInItsNetwork(t *testing.T) {
	f := federate(t, 2)
	ref, mine := f.ref(), f.network
	d := must(issue.Delegate(f.registrar, mine.Order, issue.Delegation{
		To: f.nodes[0].Identity().Name, Kinds: []order.IssueKind{order.ClientSecret},
		NotBefore: time.Now().UnixMilli(), Expires: time.Now().Add(time.Hour).UnixMilli(),
	}))(t)
	mandate := file(t, "mandate")
	if err := os.WriteFile(mandate, must(mine.Mandate(d))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	enrol := func(f *federation) (int, string) {
		out := file(t, "out")
		code, _, errOut := f.run("1234\n", "network", "enrol-client", ref, "anna", "--out", out, "--pin-stdin", "--delegation", mandate)
		if code != ExitOK {
			nothingIn(t, out)
		}
		return code, errOut
	}
	if code, errOut := enrol(f); code != ExitOK {
		t.Errorf("in its own: found %d, %s", code, errOut)
	}
	f.network = f.found("staff")
	for what, order := range map[string]string{"that says so": f.network.Order.CID().String(), "that calls it by the order of the first": mine.Order.CID().String()} {
		f.describe = func(n *rest.NetworkAnswer) { n.Reference, n.OrderCID = ref, order }
		if code, errOut := enrol(f); code != ExitDenied || !strings.Contains(errOut, mine.Order.CID().String()) {
			t.Errorf("in another, of a node %s: expected a refusal that names the delegation's; found %d, %s", what, code, errOut)
		}
	}
}
