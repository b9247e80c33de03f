package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
		edit  func(*issue.Request)
		names string // what the error does; "" where the co-signer is asked
	}{
		"a client secret as wanted":     {order.ClientSecret, func(*issue.Request) {}, ""},
		"a server's secret":             {order.ClientSecret, func(r *issue.Request) { r.Kind = order.ServerSecret }, "server-secret"},
		"another person's":              {order.ClientSecret, func(r *issue.Request) { r.Subjects[0].Name = "mallory" }, "anna"},
		"two people's":                  {order.ClientSecret, func(r *issue.Request) { r.Subjects = append(r.Subjects, issue.Subject{Name: "mallory"}) }, "anna"},
		"another enrolment":             {order.ClientSecret, func(r *issue.Request) { r.Subjects[0].Enrolment = 6 }, "enrolment 7"},
		"to another key":                {order.ClientSecret, func(r *issue.Request) { r.Receiver = []byte("mallory's key") }, "the key made here"},
		"of another network":            {order.ClientSecret, func(r *issue.Request) { r.Order = other }, network.String()},
		"permits as wanted":             {order.TimePermit, func(r *issue.Request) { r.First, r.Days = 20_000, 2 }, ""},
		"permits for more days":         {order.TimePermit, func(r *issue.Request) { r.First, r.Days = 20_000, 31 }, "days"},
		"permits from another day on":   {order.TimePermit, func(r *issue.Request) { r.First, r.Days = 20_001, 2 }, "days"},
		"a client secret for a permit":  {order.TimePermit, func(r *issue.Request) { r.Kind, r.First, r.Days = order.ClientSecret, 20_000, 2 }, "time-permit"},
		"a permit where a secret is to": {order.ClientSecret, func(r *issue.Request) { r.Kind = order.TimePermit }, "client-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			asked = 0
			w := wanted{
				network: &rest.NetworkAnswer{Reference: "aa", OrderCID: network.String()}, kind: test.kind,
				IssueRequest: rest.IssueRequest{Name: "anna", Enrolment: &number, Receiver: key},
			}
			if test.kind == order.TimePermit {
				w.First, w.Days = "2024-10-04", 2
			}
			r := &issue.Request{Version: issue.Version, Order: network, Kind: test.kind, Subjects: []issue.Subject{{Name: "anna", Enrolment: 7}}, Receiver: key}
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
			if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), test.names) || asked != 0 {
				t.Errorf("expected a refusal that names %q, and nobody asked; found %d calls, %v", test.names, asked, err)
			}
		})
	}
}
