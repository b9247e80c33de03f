package cli

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// federation is a registrar's node and the D-TAs behind it, in one process: what
// they sign is real, and the node may be told to lie.
type federation struct {
	t              *testing.T
	registrar      *identity.Keyring
	nodes, custody []*identity.Keyring
	who            *order.KnownParties
	network        *issue.Network
	shares         []*bls.Scalar
	url            string

	describe func(*rest.NetworkAnswer) // changes what the node says of the network
	ask      func(*issue.Wish)         // changes what it asks for
	share    func(i int) *bls.Scalar   // with which D-TA i answers
	answer   func(*rest.IssueAnswer)   // changes what the node hands on
	reports  []rest.ReportRequest
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func federate(t *testing.T, n int) *federation {
	t.Helper()
	f := &federation{t: t, registrar: keyring(t, identity.Node, "registrar")}
	ids := []*identity.Identity{f.registrar.Identity()}
	for i := range n {
		f.nodes = append(f.nodes, keyring(t, identity.Node, fmt.Sprintf("node %d", i)))
		f.custody = append(f.custody, keyring(t, identity.Custody, fmt.Sprintf("custody %d", i)))
		ids = append(ids, f.nodes[i].Identity(), f.custody[i].Identity())
	}
	f.who = must(order.PartiesOf(ids...))(t)
	f.network = f.found("staff")
	s := httptest.NewServer(f.serve())
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

func keyring(t *testing.T, kind identity.Kind, reference string) *identity.Keyring {
	t.Helper()
	k, next, err := identity.Create(kind, reference, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	next.Clear()
	return k
}

// found makes a network; its D-TAs' shares are those of the newest.
func (f *federation) found(name string) *issue.Network {
	f.t.Helper()
	self := []dag.CID{f.registrar.Identity().Name}
	terms := &order.NetworkTerms{Version: order.NetworkVersion, Name: name, Suite: "dta-v1", Sharing: order.Additive, Permits: true, MaxDays: 31, SubjectKey: make([]byte, order.SubjectKeySize)}
	for _, kind := range order.IssueKinds() {
		terms.Authority = append(terms.Authority, order.Rule{Kind: kind, Names: self, Threshold: 1})
	}
	plan := order.Plan{What: order.Network, Network: terms, T: len(f.nodes), Redeemers: []*identity.Identity{f.registrar.Identity()}}
	for i := range f.nodes {
		plan.Fiduciaries = append(plan.Fiduciaries, order.Choice{Custody: f.custody[i].Identity(), Node: f.nodes[i].Identity()})
	}
	placed := must(order.Place(f.registrar, plan, nil, time.Now()))(f.t)
	o := must(order.VerifyOrder(placed.Envelope.Block, placed.Envelope.Plain, f.who))(f.t)
	f.shares = nil
	var acceptances []*order.VerifiedAcceptance
	for i, k := range f.custody {
		s := bls.RandomScalar()
		f.shares = append(f.shares, s)
		receipt := order.Receipt{Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "test", HostEnforced: true}
		sealed := must(order.Accept(k, o, i, must(order.ProveShare(o, k.Identity().Name, s))(f.t), receipt, nil, f.who, time.Now()))(f.t)
		acceptances = append(acceptances, must(order.OpenAcceptance(f.registrar, o, sealed.Block, f.who))(f.t))
	}
	return must(issue.NewNetwork(o, acceptances, f.who))(f.t)
}

func (f *federation) serve() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/network/{ref}", func(w http.ResponseWriter, r *http.Request) { f.write(w, f.shown()) })
	for _, kind := range order.IssueKinds() {
		mux.HandleFunc("POST /v1/network/{ref}/"+string(kind), func(w http.ResponseWriter, r *http.Request) {
			var req rest.IssueRequest
			if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
				f.t.Error(err)
			}
			f.write(w, f.issue(kind, req))
		})
	}
	mux.HandleFunc("POST /v1/network/{ref}/report", func(w http.ResponseWriter, r *http.Request) {
		var req rest.ReportRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			f.t.Error(err)
		}
		f.reports = append(f.reports, req)
		f.write(w, rest.ReportAnswer{Verdict: "confirmed", Reason: "commitment"})
	})
	return mux
}

func (f *federation) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		f.t.Error(err)
	}
}

func (f *federation) shown() *rest.NetworkAnswer {
	o := f.network.Order
	n := &rest.NetworkAnswer{
		Reference: o.Terms().ReferenceHex(), OrderCID: o.CID().String(), TermsCID: o.TermsCID().String(), Name: "staff",
		Suite: "dta-v1", State: "accepted", Permits: true, Revocable: true, MaxPermitDays: 31,
		Charter: must(f.network.Charter())(f.t),
	}
	for i, a := range f.network.Acceptances {
		n.Members = append(n.Members, rest.NetworkMember{Index: i, Peer: fmt.Sprintf("dta-%d", i), Node: f.nodes[i].Identity().Name.String(), Custody: a.Custody().String(), Commitment: hex.EncodeToString(a.Commitment())})
	}
	if f.describe != nil {
		f.describe(n)
	}
	return n
}

// issue answers as a registrar and its D-TAs do.
func (f *federation) issue(kind order.IssueKind, req rest.IssueRequest) *rest.IssueAnswer {
	t, n := f.t, f.network
	q := issue.Wish{Kind: kind, Receiver: req.Receiver, Subjects: []issue.Subject{{Name: req.Name, Enrolment: 1}}}
	if kind == order.ServerSecret {
		q.Subjects[0].Enrolment = 0
	}
	if kind == order.TimePermit {
		q.First, q.Days = issue.Day(time.Now()), max(req.Days, 1)
	}
	if f.ask != nil {
		f.ask(&q)
	}
	draft := must(issue.Draft(n.Order, q, time.Now()))(t)
	approval := must(issue.Approve(f.registrar, n.Order, draft, nil, f.who))(t)
	sealed := must(issue.Ask(f.registrar, n.Order, draft, []issue.Approval{*approval}, f.who, time.Now()))(t)
	asked := must(issue.MadeRequest(n.Order, sealed, f.who))(t)
	a := &rest.IssueAnswer{
		State: "issued", RequestCID: asked.CID().String(), Charter: must(n.Charter())(t),
		Request: &rest.ShownRequest{Envelope: sealed.Block, Plain: sealed.Plain, Roll: must(draft.Roll.Marshal())(t)},
	}
	for _, s := range draft.Subjects {
		a.Subjects = append(a.Subjects, rest.IssuedTo(s))
	}
	for i, k := range f.custody {
		s := f.shares[i]
		if f.share != nil {
			s = f.share(i)
		}
		acceptance := n.Acceptances[i]
		share := must(issue.Issue(asked, k.Identity().Name, acceptance.Commitment(), s))(t)
		grant, block, err := issue.GrantTo(k, asked, acceptance, share, nil, f.who, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		a.Grants = append(a.Grants, rest.IssuedGrant{Index: i, Custody: k.Identity().Name.String(), Envelope: grant.Block, Plain: grant.Plain, Share: block.Bytes})
	}
	if f.answer != nil {
		f.answer(a)
	}
	return a
}

// run runs a command about the network; what is typed is its standard input.
func (f *federation) run(typed string, args ...string) (code int, out, errOut string) {
	f.t.Helper()
	var o, e strings.Builder
	code = run(f.t.Context(), append(args, "--url", f.url), strings.NewReader(typed), &o, &e)
	return code, o.String(), e.String()
}

func (f *federation) ref() string { return f.network.Order.Terms().ReferenceHex() }

// incomplete takes D-TA i's grant away.
func incomplete(i int, verdict string, kind fault.Kind) func(*rest.IssueAnswer) {
	return func(a *rest.IssueAnswer) {
		a.State = "incomplete"
		a.Faults = []rest.IssueFault{{Index: i, Custody: a.Grants[i].Custody, Verdict: verdict, Kind: string(kind), Reason: "\x1b[2Jso it says"}}
		a.Grants = append(a.Grants[:i:i], a.Grants[i+1:]...)
	}
}
