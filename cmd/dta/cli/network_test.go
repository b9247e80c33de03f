package cli

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/cmd/dta/authn/server"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
)

// file is a place in a directory of its own, where nothing may be left but what a
// command has written.
func file(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

func nothingIn(t *testing.T, path string) {
	t.Helper()
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("expected no file; found %v, %v", left, err)
	}
}

func TestWhatIsIssuedLogsIn(t *testing.T) {
	f := federate(t, 3)
	secret, token, permits := file(t, "door"), file(t, "anna"), file(t, "permits")
	for _, c := range []struct {
		typed string
		args  []string
	}{
		{"", []string{"network", "enrol-server", f.ref(), "door", "--out", secret}},
		{"1234\n", []string{"network", "enrol-client", f.ref(), "anna", "--out", token, "--pin-stdin"}},
		{"", []string{"network", "permit", f.ref(), "anna", "--out", permits, "--days", "2"}},
	} {
		if code, _, errOut := f.run(c.typed, c.args...); code != ExitOK {
			t.Fatalf("%v: found %d, %s", c.args, code, errOut)
		}
	}
	s, err := credential.ReadServer(secret)
	if err != nil {
		t.Fatal(err)
	}
	l := authntest.Ledger(t, file(t, "state"), ledger.Owner{Network: s.Network.String(), Server: s.Name})
	door, err := server.New(server.Config{Secret: s, Ledger: l, Log: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(door.Handler())
	defer h.Close()
	login := []string{"mpin", "login", "--token", token, "--permits", permits, "--server", h.URL, "--pin-stdin"}
	for pin, want := range map[string]int{"1234\n": ExitOK, "1234\r\n": ExitOK, "1234": ExitOK, "1235\n": ExitDenied, "12345\n": ExitUsage, "١٢٣٤\n": ExitUsage, "": ExitUsage} {
		var out, errOut strings.Builder
		if code := run(t.Context(), login, strings.NewReader(pin), &out, &errOut); code != want {
			t.Errorf("%q: expected %d; found %d, %s", pin, want, code, errOut.String())
		}
	}
}

func TestABadShareIsNamedAndReported(t *testing.T) {
	for _, args := range [][]string{
		{"network", "enrol-server", "", "door"}, {"network", "enrol-client", "", "anna", "--pin-stdin"}, {"network", "permit", "", "anna"},
	} {
		f := federate(t, 3)
		f.share = func(i int) *bls.Scalar {
			if i == 1 {
				return bls.RandomScalar()
			}
			return f.shares[i]
		}
		out := file(t, "out")
		args[2] = f.ref()
		code, printed, errOut := f.run("1234\n", append(args, "--out", out)...)
		if code != ExitUnavailable || printed != "" || !strings.Contains(errOut, "D-TA 1, dta-1,") || !strings.Contains(errOut, "reported to the registrar: confirmed") {
			t.Errorf("%s: found %d, %q, %s", args[1], code, printed, errOut)
		}
		if len(f.reports) != 1 || f.reports[0].Index != 1 || f.reports[0].RequestCID == "" {
			t.Errorf("%s: found %+v", args[1], f.reports)
		}
		nothingIn(t, out)
	}
}

// TestANodeThatLiesIsNotBelieved: everything is checked where it is received.
func TestANodeThatLiesIsNotBelieved(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  func(f *federation)
		code int
		says string
	}{
		{"nothing", func(*federation) {}, ExitOK, ""},
		{"a request for another person", func(f *federation) { f.ask = func(q *issue.Wish) { q.Subjects[0].Name = "eve" } }, ExitUnavailable, `expected what is for "anna"`},
		{"a request for two persons", func(f *federation) {
			f.ask = func(q *issue.Wish) { q.Subjects = append(q.Subjects, issue.Subject{Name: "eve", Enrolment: 1}) }
		}, ExitUnavailable, `expected what is for "anna"`},
		{"another enrolment than was asked for", func(f *federation) { f.ask = func(q *issue.Wish) { q.Subjects[0].Enrolment = 2 } }, ExitUnavailable, "expected enrolment 1; found 2"},
		{"a key of its own as receiver", func(f *federation) {
			f.ask = func(q *issue.Wish) { q.Receiver = f.registrar.Identity().SealingKey() }
		}, ExitDenied, "for this receiver's key"},
		{"another network's charter", func(f *federation) {
			other := federate(f.t, 3).network
			f.answer = func(a *rest.IssueAnswer) { a.Charter = must(other.Charter())(f.t) }
		}, ExitDenied, "what was issued does not hold"},
		{"a network of its own throughout", func(f *federation) {
			ref := f.ref()
			f.network = f.found("staff")
			f.describe = func(n *rest.NetworkAnswer) { n.Reference = ref }
		}, ExitUnavailable, "expected network"},
		{"a network under another reference", func(f *federation) {
			f.describe = func(n *rest.NetworkAnswer) { n.Reference = strings.Repeat("0", 64) }
		}, ExitUnavailable, "expected network"},
		{"a network that is not there yet", func(f *federation) { f.describe = func(n *rest.NetworkAnswer) { n.State = "ordered" } }, ExitUnavailable, "nothing is issued before"},
		{"a grant twice", func(f *federation) { f.answer = func(a *rest.IssueAnswer) { a.Grants[0] = a.Grants[1] } }, ExitUnavailable, "what was issued does not hold"},
		{"a grant less", func(f *federation) { f.answer = func(a *rest.IssueAnswer) { a.Grants = a.Grants[:2] } }, ExitUnavailable, "what was issued does not hold"},
		{"shares exchanged", func(f *federation) {
			f.answer = func(a *rest.IssueAnswer) { a.Grants[0].Share, a.Grants[1].Share = a.Grants[1].Share, a.Grants[0].Share }
		}, ExitUnavailable, "what was issued does not hold"},
		{"a bit of a share turned", func(f *federation) { f.answer = func(a *rest.IssueAnswer) { a.Grants[0].Share[99] ^= 1 } }, ExitUnavailable, "what was issued does not hold"},
		{"a bit of a grant turned", func(f *federation) { f.answer = func(a *rest.IssueAnswer) { a.Grants[0].Envelope[99] ^= 1 } }, ExitUnavailable, "what was issued does not hold"},
		{"no request", func(f *federation) { f.answer = func(a *rest.IssueAnswer) { a.Request = nil } }, ExitUnavailable, "what was issued does not hold"},
		{"no charter", func(f *federation) { f.answer = func(a *rest.IssueAnswer) { a.Charter = nil } }, ExitUnavailable, "what was issued does not hold"},
		{"the answers to an earlier request", func(f *federation) {
			var earlier *rest.IssueAnswer
			f.answer = func(a *rest.IssueAnswer) {
				if earlier == nil {
					earlier = &rest.IssueAnswer{Grants: a.Grants}
				} else {
					a.Grants = earlier.Grants
				}
			}
			f.run("1234\n", "network", "enrol-client", f.ref(), "anna", "--out", file(f.t, "out"), "--pin-stdin")
		}, ExitUnavailable, "what was issued does not hold"},
		{"that approvals are missing", func(f *federation) {
			f.answer = func(a *rest.IssueAnswer) { *a = rest.IssueAnswer{State: "approval", Needed: 1, Pending: []byte("x")} }
		}, ExitUnavailable, "the node's answer: request"},
		{"a D-TA that is away", func(f *federation) { f.answer = incomplete(2, "unresponsive", fault.Unavailable) }, ExitUnavailable, "D-TA 2, dta-2, was unresponsive: [2Jso it says"},
		{"a D-TA that refuses", func(f *federation) { f.answer = incomplete(0, "refused", fault.Denied) }, ExitDenied, "D-TA 0, dta-0, was refused"},
		{"a D-TA that is none", func(f *federation) {
			f.answer = func(a *rest.IssueAnswer) { incomplete(0, "faulty", fault.Invalid)(a); a.Faults[0].Index = 99 }
		}, ExitUnavailable, "D-TA 99 was faulty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := federate(t, 3)
			ref, out := f.ref(), file(t, "token")
			test.lie(f)
			code, printed, errOut := f.run("1234\n", "network", "enrol-client", ref, "anna", "--out", out, "--pin-stdin", "--enrolment", "1")
			if code != test.code || !strings.Contains(errOut, test.says) || strings.Contains(errOut, "\x1b") {
				t.Errorf("expected %d and %q; found %d, %s", test.code, test.says, code, errOut)
			}
			if code != ExitOK {
				nothingIn(t, out)
				if printed != "" {
					t.Errorf("found %q", printed)
				}
			}
		})
	}
}

func TestAReceiverMayInsistOnANetwork(t *testing.T) {
	f := federate(t, 2)
	order := f.network.Order.CID().String()
	if code, _, errOut := f.run("1234\n", "network", "enrol-client", f.ref(), "anna", "--out", file(t, "a"), "--pin-stdin", "--network-cid", order); code != ExitOK {
		t.Errorf("found %d, %s", code, errOut)
	}
	// Its node has another network under the same reference, and names the first.
	ref := f.ref()
	f.network = f.found("staff")
	f.describe = func(n *rest.NetworkAnswer) { n.Reference, n.OrderCID = ref, order }
	out := file(t, "b")
	if code, _, errOut := f.run("1234\n", "network", "enrol-client", ref, "anna", "--out", out, "--pin-stdin", "--network-cid", order); code != ExitDenied {
		t.Errorf("found %d, %s", code, errOut)
	}
	nothingIn(t, out)
}

func TestPermitsForOtherDaysAreNotTaken(t *testing.T) {
	f := federate(t, 2)
	f.ask = func(q *issue.Wish) { q.First++ }
	out := file(t, "permits")
	first := time.Now().UTC().Format(time.DateOnly)
	if code, _, errOut := f.run("", "network", "permit", f.ref(), "anna", "--out", out, "--first", first); code != ExitUnavailable || !strings.Contains(errOut, "other days") {
		t.Errorf("found %d, %s", code, errOut)
	}
	nothingIn(t, out)
}
