//go:build linux

package registrar_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// lab is a network, asked by way of one of its nodes.
type lab struct {
	*realm
	network rest.NetworkAnswer
}

func newLab(t *testing.T, dtas int, more body) *lab {
	t.Helper()
	r := newRealm(t, dtas)
	return &lab{r, r.create(more)}
}

// asked is what came of a request, with the key for it.
type asked struct {
	rig.Issued
	key *seal.PrivateKey
	err error
}

func (l *lab) ask(by *node, kind order.IssueKind, b body) asked { return l.askOnce(by, "", kind, b) }

func (l *lab) askOnce(by *node, once string, kind order.IssueKind, b body) asked {
	l.t.Helper()
	return l.askFor(by, once, kind, must(seal.V2.NewPrivateKey())(l.t), b)
}

func (l *lab) askFor(by *node, once string, kind order.IssueKind, key *seal.PrivateKey, b body) asked {
	got, err := by.client.Issue(context.Background(), l.network.Reference, string(kind), once, key, b)
	return asked{got, key, err}
}

func (l *lab) enrol(name string) asked {
	return l.ask(l.registrar, order.ClientSecret, body{"name": name})
}

// receives checks all of an answer as its receiver does.
func (l *lab) receives(a asked) *issue.Received {
	l.t.Helper()
	if a.err != nil || a.State != "issued" {
		l.t.Fatalf("expected it to be issued; found %q, %+v, %v", a.State, a.Faults, a.err)
	}
	return must(a.Receive(l.networkCID(), a.key))(l.t)
}

func (l *lab) networkCID() dag.CID { return must(dag.Parse(l.network.OrderCID))(l.t) }

// verdicts are those on the D-TAs that gave nothing, by their place.
func (a asked) verdicts() map[int]string {
	out := map[int]string{}
	for _, f := range a.Faults {
		out[f.Index] = f.Verdict
	}
	return out
}

func TestPeopleAndServersAreEnrolled(t *testing.T) {
	suites := []mpin.Suite{mpin.V1, mpin.AMCL}
	if testing.Short() {
		suites = suites[:1]
	}
	for _, suite := range suites {
		t.Run(suite.Name, func(t *testing.T) {
			l := newLab(t, 3, body{"suite": suite.Name})
			first := uint64(1)
			if suite.Name == mpin.AMCL.Name {
				first = 0
			}
			people := l.receives(l.ask(l.registrar, order.ClientSecret, body{"names": []string{"anna@example.com", "ben@example.com", "eve"}}))
			want := []issue.Subject{{Name: "anna@example.com", Enrolment: first}, {Name: "ben@example.com", Enrolment: first}, {Name: "eve", Enrolment: first}}
			if d := cmp.Diff(want, people.Request.Request().Subjects); d != "" || len(people.Clients) != 3 {
				t.Errorf("%d client secrets, of (-expected +found):\n%s", len(people.Clients), d)
			}
			server := l.receives(l.ask(l.registrar, order.ServerSecret, body{"name": "door"}))
			if server.Server == nil {
				t.Error("expected a server secret")
			}
			permits := l.receives(l.ask(l.registrar, order.TimePermit, body{"names": []string{"ben@example.com", "eve"}, "first": "2027-01-16", "days": 3}))
			if len(permits.Permits) != 2 || len(permits.Permits[1]) != 3 {
				t.Fatalf("expected 3 permits for each of 2; found %d", len(permits.Permits))
			}
			day := uint32(issue.Day(time.Date(2027, 1, 16, 0, 0, 0, 0, time.UTC)))
			for i, p := range permits.Permits[1] {
				if p.Day != day+uint32(i) {
					t.Errorf("permit %d: expected day %d; found %d", i, day+uint32(i), p.Day)
				}
			}
			login(t, suite, people, 2, server.Server, permits.Permits[1][0])
		})
	}
}

// login plays one person's login on a permit's day.
func login(t *testing.T, suite mpin.Suite, people *issue.Received, i int, server *mpin.ServerSecret, permit *mpin.Permit) {
	t.Helper()
	who := people.Request.Request().Subjects[i]
	id := must(suite.IdentityOf(people.Network.Order.NetworkID(), who.Name, who.Enrolment))(t)
	token := must(suite.ExtractPIN(people.Clients[i], id, 1234))(t)
	prover := must(suite.NewProver(mpin.Login{Identity: id, Token: token, PIN: 1234, Permit: permit}))(t)
	session := must(must(suite.NewServer(server))(t).Begin(mpin.Claim{Identity: id, Day: prover.Day(), Commitment: prover.Commitment()}))(t)
	if err := session.Verify(must(prover.Respond(session.Challenge()))(t)); err != nil {
		t.Errorf("%s cannot log in: %v", who.Name, err)
	}
}

func TestTheNodeNeverHoldsWhatIsIssued(t *testing.T) {
	l := newLab(t, 3, nil)
	a := l.enrol("anna")
	got := l.receives(a)
	secret := got.Clients[0].Point().Bytes()
	answer := [][]byte{a.Charter, a.Request.Envelope, a.Request.Plain}
	for _, g := range a.Grants {
		answer = append(answer, g.Envelope, g.Plain, g.Share)
	}
	for i, part := range answer {
		if bytes.Contains(part, secret) {
			t.Errorf("part %d of the answer holds the client secret", i)
		}
	}
	other := must(seal.V2.NewPrivateKey())(t)
	if _, err := a.Receive(l.networkCID(), other); fault.Of(err) != fault.Denied {
		t.Errorf("another key: expected it to open nothing; found %v", err)
	}
}

func TestANameIsEnrolledOnce(t *testing.T) {
	l := newLab(t, 2, nil)
	number := func(a asked) uint64 { l.t.Helper(); return l.receives(a).Request.Request().Subjects[0].Enrolment }
	if n := number(l.enrol("anna")); n != 1 {
		t.Errorf("the first: expected number 1; found %d", n)
	}
	refused(t, l.enrol("anna").err, fault.Conflict)
	refused(t, l.ask(l.registrar, order.ClientSecret, body{"names": []string{"ben", "anna"}}).err, fault.Conflict)
	if n := number(l.enrol("ben")); n != 1 {
		t.Errorf("a batch that was refused enrols nobody: expected number 1; found %d", n)
	}
	if n := number(l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "enrolment": 1})); n != 1 {
		t.Errorf("the same again, being asked for by its number: expected 1; found %d", n)
	}
	l.registrar.restart()
	if n := number(l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "anew": true})); n != 2 {
		t.Errorf("anew: expected number 2; found %d", n)
	}
	t.Run("and the enrolment before is revoked, at every D-TA", func(t *testing.T) {
		refused(t, l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "enrolment": 1}).err, fault.Denied)
		refused(t, l.ask(l.registrar, order.TimePermit, body{"name": "anna", "enrolment": 1}).err, fault.Denied)
		for _, d := range l.dtas {
			eventually(t, d.alias+" is told", func() bool { return d.audited("network.revoked") == 1 })
		}
		if n := number(l.ask(l.registrar, order.TimePermit, body{"name": "anna"})); n != 2 {
			t.Errorf("permits are for the newest: expected 2; found %d", n)
		}
	})
	refused(t, l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "anew": true, "enrolment": 3}).err, fault.Invalid)
	t.Run("and numbers do not begin again after the last", func(t *testing.T) {
		l.receives(l.ask(l.registrar, order.ClientSecret, body{"name": "carl", "enrolment": uint64(math.MaxUint64)}))
		refused(t, l.ask(l.registrar, order.ClientSecret, body{"name": "carl", "anew": true}).err, fault.Conflict)
	})
	refused(t, l.ask(l.registrar, order.TimePermit, body{"name": "nobody"}).err, fault.NotFound)
}

func TestOfManyWhoEnrolANameAtOnceOneDoes(t *testing.T) {
	l := newLab(t, 2, nil)
	var all sync.WaitGroup
	got := make([]asked, 8)
	for i := range got {
		key := must(seal.V2.NewPrivateKey())(t)
		all.Go(func() { got[i] = l.askFor(l.registrar, "", order.ClientSecret, key, body{"name": "anna"}) })
	}
	all.Wait()
	won := 0
	for _, a := range got {
		if a.err == nil {
			won++
			l.receives(a)
			continue
		}
		refused(t, a.err, fault.Conflict)
	}
	if won != 1 {
		t.Errorf("expected one enrolment; found %d", won)
	}
}

func TestTheSameRequestAgainGetsTheSameGrants(t *testing.T) {
	l := newLab(t, 3, nil)
	key := must(seal.V2.NewPrivateKey())(t)
	first := l.askFor(l.registrar, "monday", order.ClientSecret, key, body{"name": "anna"})
	l.receives(first)
	for _, n := range []*node{l.registrar, l.dtas[0], l.dtas[2]} {
		n.restart()
	}
	again := l.askFor(l.registrar, "monday", order.ClientSecret, key, body{"name": "anna"})
	l.receives(again)
	if d := cmp.Diff(first.Issued, again.Issued); d != "" {
		t.Errorf("expected the same, byte for byte (-first +again):\n%s", d)
	}
	refused(t, l.askFor(l.registrar, "monday", order.ClientSecret, key, body{"name": "ben"}).err, fault.Conflict)
	for _, d := range l.dtas {
		if n := d.plugin.issued.Load(); n != 1 {
			t.Errorf("%s: expected one issue; found %d", d.alias, n)
		}
	}
	t.Run("but when it has expired what was sealed is handed out no more, which is nobody's fault", func(t *testing.T) {
		l.advance(issue.Life + time.Minute)
		late := l.askFor(l.registrar, "monday", order.ClientSecret, key, body{"name": "anna"})
		want := map[int]string{0: "refused", 1: "refused", 2: "refused"}
		if d := cmp.Diff(want, late.verdicts()); d != "" || late.State != "incomplete" || late.RequestCID != first.RequestCID {
			t.Errorf("expected refusals; found %q, %+v, %v", late.State, late.Faults, late.err)
		}
		l.receives(l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "enrolment": 1}))
	})
}

func TestADTAThatIsSilentIsUnresponsive(t *testing.T) {
	l := newLab(t, 3, nil)
	l.registrar.registrar.Hurry(12 * time.Second)
	l.dtas[1].down.Store(true)
	key := must(seal.V2.NewPrivateKey())(t)
	a := l.askFor(l.registrar, "monday", order.ClientSecret, key, body{"name": "anna"})
	if d := cmp.Diff(map[int]string{1: "unresponsive"}, a.verdicts()); d != "" || a.State != "incomplete" || len(a.Grants) != 2 {
		t.Fatalf("expected two grants, and D-TA 1 unresponsive; found %q, %+v, %v", a.State, a.Faults, a.err)
	}
	if l.registrar.audited("network.unresponsive") != 1 || l.registrar.audited("network.fault") != 0 {
		t.Error("expected an entry network.unresponsive, and none that blames it")
	}
	if a.Faults[0].Custody != l.dtas[1].plugin.Identity().Name.String() || a.Faults[0].Reason == "" {
		t.Errorf("expected its name and why; found %+v", a.Faults[0])
	}
	if _, err := a.Receive(l.networkCID(), key); fault.Of(err) != fault.Unavailable {
		t.Errorf("the receiver: expected all to be needed; found %v", err)
	}
	l.dtas[1].down.Store(false)
	whole := l.askFor(l.registrar, "monday", order.ClientSecret, key, body{"name": "anna"})
	if l.receives(whole); whole.RequestCID != a.RequestCID {
		t.Errorf("expected request %s to be completed; found %s", a.RequestCID, whole.RequestCID)
	}
}

func TestADTAThatComesBackInTimeIsNoFault(t *testing.T) {
	l := newLab(t, 2, nil)
	l.dtas[0].down.Store(true)
	back := time.AfterFunc(300*time.Millisecond, func() { l.dtas[0].down.Store(false) })
	defer back.Stop()
	l.receives(l.enrol("anna"))
}

// TestAnAnswerThatDoesNotHoldNamesItsDTA plays what a D-TA's host can do.
func TestAnAnswerThatDoesNotHoldNamesItsDTA(t *testing.T) {
	l := newLab(t, 3, nil)
	earlier := make([]peer.FulfilledRequest, 3)
	for i, d := range l.dtas {
		d.bends(func(a peer.FulfilledRequest) peer.FulfilledRequest { earlier[i] = a; return a })
	}
	l.receives(l.enrol("earlier"))
	for _, d := range l.dtas {
		d.bends(nil)
	}
	for i, c := range []struct {
		name string
		bend func(peer.FulfilledRequest) peer.FulfilledRequest
		want string
	}{
		{"its answer to another request", func(peer.FulfilledRequest) peer.FulfilledRequest { return earlier[1] }, "faulty"},
		{"the answer of another D-TA", func(peer.FulfilledRequest) peer.FulfilledRequest { return earlier[2] }, "faulty"},
		{"a name for its grant that is none", func(a peer.FulfilledRequest) peer.FulfilledRequest { a.GrantCID = "grant"; return a }, "faulty"},
		{"no grant", func(a peer.FulfilledRequest) peer.FulfilledRequest { a.Blocks = peer.Bag{}; return a }, "faulty"},
		{"a grant that is something else", func(peer.FulfilledRequest) peer.FulfilledRequest {
			block := must(dag.Encode("grant"))(t)
			return peer.FulfilledRequest{GrantCID: dag.Sum(block).String(), Blocks: peer.NewBag(block)}
		}, "faulty"},
		{"no share", func(a peer.FulfilledRequest) peer.FulfilledRequest {
			block, _ := a.Blocks.Get(must(dag.Parse(a.GrantCID))(t))
			a.Blocks = peer.NewBag(block)
			return a
		}, "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			entry := map[string]string{"faulty": "network.garbled", "refused": "network.refused"}[c.want]
			sender := l.dtas[1].keys.Identity().Name
			before := l.registrar.auditedOf(entry, sender)
			l.dtas[1].bends(c.bend)
			defer l.dtas[1].bends(nil)
			a := l.enrol(string(rune('a' + i)))
			if d := cmp.Diff(map[int]string{1: c.want}, a.verdicts()); d != "" || a.State != "incomplete" || len(a.Grants) != 2 {
				t.Errorf("expected two grants, and D-TA 1 to be %s; found %q, %+v, %v", c.want, a.State, a.Faults, a.err)
			}
			if got := l.registrar.auditedOf(entry, sender); got != before+1 {
				t.Errorf("expected one entry %s of its node; found %d", entry, got-before)
			}
			if a.Faults[0].Node != sender.String() {
				t.Errorf("expected its node to be named; found %+v", a.Faults[0])
			}
			if got := l.registrar.auditedOf(entry, l.dtas[1].plugin.Identity().Name) + l.registrar.audited("network.fault"); got != 0 {
				t.Errorf("expected its custody identity, which signed nothing of the kind, not to be accused; found %d", got)
			}
		})
	}
}

// TestAShareThatIsNotAsCommittedNamesItsDTA: its plugin signs what nobody but the
// receiver can look at; a trial shows it to the registrar.
func TestAShareThatIsNotAsCommittedNamesItsDTA(t *testing.T) {
	l := newLab(t, 3, nil)
	report := func(cid string, index int) (out rest.ReportAnswer) {
		t.Helper()
		err := l.registrar.client.Call(t.Context(), http.MethodPost, networks+"/"+l.network.Reference+"/report", "", rest.ReportRequest{
			RequestCID: cid, Index: index, Reason: "not as accepted",
		}, &out)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	honest := l.enrol("anna@example.com")
	l.receives(honest)
	if got := report(honest.RequestCID, 2); got.Verdict != "not confirmed" || got.Custody != l.dtas[2].plugin.Identity().Name.String() {
		t.Errorf("of an honest D-TA: expected not confirmed; found %+v", got)
	}
	l.dtas[2].bends(func(a peer.FulfilledRequest) peer.FulfilledRequest { a.Blocks = peer.Bag{}; return a })
	if got := report(honest.RequestCID, 2); got.Verdict != "unchecked" || got.Reason == "" {
		t.Errorf("of an honest plugin whose host answers nonsense: expected unchecked; found %+v", got)
	}
	l.dtas[2].bends(nil)
	l.dtas[2].plugin.set(func(p *plugin) { p.lies = true })
	a := l.enrol("ben@example.com")
	if a.err != nil || a.State != "issued" {
		t.Fatalf("expected a grant that reads well; found %q, %+v, %v", a.State, a.Faults, a.err)
	}
	_, err := a.Receive(l.networkCID(), a.key)
	var bad *issue.BadShare
	if !errors.As(err, &bad) || bad.Index != 2 || bad.Custody != l.dtas[2].plugin.Identity().Name {
		t.Fatalf("expected the receiver to name D-TA 2; found %v", err)
	}
	if got := report(a.RequestCID, 2); got.Verdict != "confirmed" || got.Reason == "" || got.RequestCID == "" || got.RequestCID == a.RequestCID {
		t.Errorf("expected the trial to confirm it, in a request of its own; found %+v", got)
	}
	if got := report(a.RequestCID, 1); got.Verdict != "not confirmed" {
		t.Errorf("of the honest D-TA beside it: expected not confirmed; found %+v", got)
	}
	if got := l.registrar.auditedOf("network.fault", l.dtas[2].plugin.Identity().Name); got != 1 {
		t.Errorf("expected one entry network.fault of the custody identity; found %d", got)
	}
	l.registrar.registrar.Hurry(12 * time.Second)
	l.dtas[2].down.Store(true)
	if got := report(a.RequestCID, 2); got.Verdict != "unchecked" || got.Reason == "" {
		t.Errorf("while it is silent: expected unchecked; found %+v", got)
	}
}

func TestATrialLooksLikeAnyRequest(t *testing.T) {
	l := newLab(t, 1, nil)
	a := l.enrol("anna@example.com")
	var out rest.ReportAnswer
	err := l.registrar.client.Call(t.Context(), http.MethodPost, networks+"/"+l.network.Reference+"/report", "", rest.ReportRequest{RequestCID: a.RequestCID}, &out)
	if err != nil || out.Verdict != "not confirmed" {
		t.Fatalf("expected not confirmed; found %+v, %v", out, err)
	}
	var names []string
	for _, name := range l.registrar.enrolled(l.network.OrderCID) {
		if name != "anna@example.com" {
			names = append(names, name)
		}
	}
	if len(names) != 1 || len(names[0]) != len("abcdefghijkl@example.com") || names[0][12:] != "@example.com" {
		t.Errorf("expected somebody at example.com; found %q", names)
	}
}
