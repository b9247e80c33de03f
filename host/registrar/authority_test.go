//go:build linux

package registrar_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// shared is an authority in which the co-signer has to sign for everything but
// permits, for which either may.
var shared = body{"authority": []any{
	body{"kind": "client-secret", "names": []string{"self", "cosigner"}, "threshold": 2},
	body{"kind": "server-secret", "names": []string{"self", "cosigner"}, "threshold": 2},
	body{"kind": "time-permit", "names": []string{"self", "cosigner"}, "threshold": 1},
}}

func newSharedLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t, 3, shared)
	l.cosigner.becomes(l.network.Reference, "accepted")
	return l
}

func (l *lab) post(by *node, path string, in, out any) error {
	return by.client.Call(context.Background(), http.MethodPost, networks+"/"+l.network.Reference+"/"+path, "", in, out)
}

func (l *lab) approve(by *node, request, delegation []byte) (out rest.ApprovalAnswer, err error) {
	return out, l.post(by, "approval", rest.ApprovalRequest{Request: request, Delegation: delegation}, &out)
}

func (l *lab) handOn(by *node, to string, lasts time.Duration, more body) (out rest.DelegationAnswer, err error) {
	b := body{"to": to, "kinds": []string{"client-secret"}, "seconds": int(lasts / time.Second)}
	for k, v := range more {
		b[k] = v
	}
	return out, l.post(by, "delegation", b, &out)
}

// further goes on with a request that waits for approvals.
func (l *lab) further(by *node, kind order.IssueKind, a asked, approvals ...[]byte) asked {
	return l.askFor(by, "", kind, a.key, body{"request": a.Pending, "approvals": approvals})
}

func names(nodes ...*node) (out []string) {
	for _, n := range nodes {
		out = append(out, n.keys.Identity().Name.String())
	}
	return out
}

func TestTwoOfTwoSign(t *testing.T) {
	l := newSharedLab(t)
	a := l.ask(l.registrar, order.ServerSecret, body{"name": "door"})
	if a.err != nil || a.State != "approval" || a.Needed != 1 || len(a.Approvals) != 1 || len(a.Grants) != 0 {
		t.Fatalf("expected one approval to be missing, and nothing sent; found %+v", a)
	}
	if d := cmp.Diff(names(l.cosigner), a.MayApprove); d != "" {
		t.Errorf("who may give it (-expected +found):\n%s", d)
	}
	own := a.Approvals[0]
	second, err := l.approve(l.cosigner, a.Pending, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rest.ApprovalAnswer{Approval: second.Approval, Kind: "server-secret", Subjects: []rest.IssuedTo{{Name: "door"}}}, second); d != "" {
		t.Errorf("what was approved (-expected +found):\n%s", d)
	}
	other := l.ask(l.registrar, order.ServerSecret, body{"name": "window"})
	elsewhere, err := l.approve(l.cosigner, other.Pending, nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, approvals := range map[string][][]byte{
		"the same approval twice":        {own, own},
		"an approval of another request": {own, elsewhere.Approval},
		"a changed approval":             {own, changed(second.Approval)},
		"more approvals than names":      {own, second.Approval, second.Approval},
	} {
		got := l.further(l.registrar, order.ServerSecret, a, approvals...)
		if got.err == nil {
			t.Errorf("%s: expected a refusal; found %q", what, got.State)
		}
	}
	refused(t, l.further(l.registrar, order.ServerSecret, a, []byte("approval")).err, fault.Invalid)
	if got := l.further(l.registrar, order.ClientSecret, a, own, second.Approval); got.err == nil {
		t.Error("as a request of another kind: expected a refusal")
	}
	if d := l.dtas[0].plugin.issued.Load(); d != 0 {
		t.Fatalf("expected that no D-TA has been asked; one was, %d times", d)
	}
	// The registrar need not show its own approval again: it can sign once more.
	got := l.further(l.registrar, order.ServerSecret, a, second.Approval)
	if l.receives(got).Server == nil {
		t.Error("expected a server secret")
	}
	again := l.further(l.registrar, order.ServerSecret, a, own, second.Approval)
	if l.receives(again); again.RequestCID != got.RequestCID {
		t.Errorf("sent again: expected request %s; found %s", got.RequestCID, again.RequestCID)
	}
}

// changed is a block with its last bit flipped.
func changed(block []byte) []byte {
	out := append([]byte(nil), block...)
	out[len(out)-1] ^= 1
	return out
}

func TestNothingIsSignedForARequestOutOfItsTime(t *testing.T) {
	l := newSharedLab(t)
	a := l.ask(l.registrar, order.ServerSecret, body{"name": "door"})
	second := must(l.approve(l.cosigner, a.Pending, nil))(t)
	network := must(issue.ReadCharter(l.network.Charter))(t)
	early := must(issue.Draft(network.Order, issue.Wish{
		Kind: order.ServerSecret, Subjects: []issue.Subject{{Name: "door"}}, Receiver: a.key.Public(),
	}, l.now().Add(envelope.MaxSkew+time.Minute)))(t)
	_, err := l.approve(l.cosigner, must(early.Marshal())(t), nil)
	refused(t, err, fault.Denied)
	l.advance(issue.Life + time.Minute)
	_, err = l.approve(l.cosigner, a.Pending, nil)
	refused(t, err, fault.Denied)
	refused(t, l.further(l.registrar, order.ServerSecret, a, append(a.Approvals, second.Approval)...).err, fault.Denied)
}

func TestTheRegistrarIsToldWhatACosignerHasIssued(t *testing.T) {
	l := newSharedLab(t)
	a := l.ask(l.cosigner, order.ClientSecret, body{"name": "anna"})
	if a.err != nil || a.State != "approval" {
		t.Fatalf("expected the registrar to be needed; found %q, %v", a.State, a.err)
	}
	if d := cmp.Diff(names(l.registrar), a.MayApprove); d != "" {
		t.Errorf("who may give it (-expected +found):\n%s", d)
	}
	second := must(l.approve(l.registrar, a.Pending, nil))(t)
	got := l.receives(l.further(l.cosigner, order.ClientSecret, a, append(a.Approvals, second.Approval)...))
	if signer := got.Request.Signer().Name; signer != l.cosigner.keys.Identity().Name {
		t.Errorf("expected the co-signer to ask; found %s", signer)
	}
	eventually(t, "the registrar knows of anna", func() bool { return len(l.registrar.enrolled(l.network.OrderCID)) == 1 })
	refused(t, l.ask(l.registrar, order.ClientSecret, body{"name": "anna"}).err, fault.Conflict)
	permit := l.receives(l.ask(l.registrar, order.TimePermit, body{"name": "anna"}))
	if n := permit.Request.Request().Subjects[0].Enrolment; n != 1 {
		t.Errorf("permits: expected enrolment 1; found %d", n)
	}
}

func TestTwoDraftsOfOneEnrolmentAreNotBothIssued(t *testing.T) {
	l := newSharedLab(t)
	one := l.ask(l.registrar, order.ClientSecret, body{"name": "anna"})
	two := l.ask(l.registrar, order.ClientSecret, body{"name": "anna"})
	l.receives(l.bothSign(one, nil))
	refused(t, l.bothSign(two, nil).err, fault.Conflict)
	t.Run("unless the number is given, before and after", func(t *testing.T) {
		more := body{"enrolment": 1}
		l.receives(l.bothSign(l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "enrolment": 1}), more))
	})
}

// bothSign has the co-signer approve a request of the registrar's, which then goes on
// with it.
func (l *lab) bothSign(a asked, more body) asked {
	l.t.Helper()
	second := must(l.approve(l.cosigner, a.Pending, nil))(l.t)
	b := body{"request": a.Pending, "approvals": append(a.Approvals, second.Approval)}
	for k, v := range more {
		b[k] = v
	}
	return l.askFor(l.registrar, "", order.ClientSecret, a.key, b)
}

func TestADelegateEnrolsWithinItsScope(t *testing.T) {
	l := newLab(t, 3, nil)
	mandate := must(l.handOn(l.registrar, "delegate", time.Hour, body{"suffix": "@example.com"}))(t)
	if mandate.Expires != l.now().Add(time.Hour).Unix() && mandate.Expires != l.now().Add(time.Hour).Unix()-1 {
		t.Errorf("expected it to end in an hour; found %d", mandate.Expires)
	}
	network, d, err := issue.ReadMandate(mandate.Delegation)
	if err != nil || network.Order.CID() != l.networkCID() || d.To != l.delegate.keys.Identity().Name {
		t.Fatalf("expected a mandate for the delegate in this network; found %+v, %v", d, err)
	}
	by := func(n *node, kind order.IssueKind, b body) asked {
		b["delegation"] = mandate.Delegation
		return l.ask(n, kind, b)
	}
	got := l.receives(by(l.delegate, order.ClientSecret, body{"name": "anna@example.com"}))
	if signer := got.Request.Signer().Name; signer != d.To {
		t.Errorf("expected the delegate to ask; found %s", signer)
	}
	eventually(t, "the registrar is told", func() bool { return len(l.registrar.enrolled(l.network.OrderCID)) == 1 })
	refused(t, l.enrol("anna@example.com").err, fault.Conflict)

	for what, a := range map[string]asked{
		"a name outside":             by(l.delegate, order.ClientSecret, body{"name": "anna@example.org"}),
		"another kind":               by(l.delegate, order.TimePermit, body{"name": "anna@example.com"}),
		"at a node it is not for":    by(l.cosigner, order.ClientSecret, body{"name": "ben@example.com"}),
		"anew, for it cannot revoke": by(l.delegate, order.ClientSecret, body{"name": "anna@example.com", "anew": true}),
	} {
		if a.err == nil {
			t.Errorf("%s: expected a refusal; found %q", what, a.State)
			continue
		}
		t.Run(what, func(t *testing.T) { refused(t, a.err, fault.Denied) })
	}
	t.Run("in another network", func(t *testing.T) {
		other := &lab{l.realm, l.create(body{"name": "other"})}
		refused(t, other.ask(l.delegate, order.ClientSecret, body{"name": "ben@example.com", "delegation": mandate.Delegation}).err, fault.Invalid)
	})
	t.Run("without its mandate it knows no network", func(t *testing.T) {
		refused(t, l.ask(l.delegate, order.ClientSecret, body{"name": "ben@example.com"}).err, fault.NotFound)
	})
	t.Run("with a mandate that was changed", func(t *testing.T) {
		mandate := changed(mandate.Delegation)
		if a := l.ask(l.delegate, order.ClientSecret, body{"name": "ben@example.com", "delegation": mandate}); a.err == nil {
			t.Errorf("expected a refusal; found %q", a.State)
		}
	})
	t.Run("and not for longer than it lasts", func(t *testing.T) {
		l.advance(time.Hour + time.Minute)
		refused(t, by(l.delegate, order.ClientSecret, body{"name": "ben@example.com"}).err, fault.Denied)
	})
}

// Whoever gets a person's client secret again can log in as that person: the
// registrar has it on record, once, though every D-TA tells of it.
func TestWhatADelegateHasIssuedAgainIsOnRecord(t *testing.T) {
	l := newLab(t, 3, nil)
	mandate := must(l.handOn(l.registrar, "delegate", time.Hour, nil))(t)
	by := l.delegate.keys.Identity().Name
	ask := func(b body) {
		t.Helper()
		b["delegation"] = mandate.Delegation
		l.receives(l.ask(l.delegate, order.ClientSecret, b))
		for _, d := range l.dtas {
			eventually(t, d.alias+" has told", func() bool { n, err := d.waiting(records.JobNotice); return err == nil && n == 0 })
		}
	}
	entries := func(what string, learned, again int) {
		t.Helper()
		got := []int{l.registrar.auditedOf("network.learned", by), l.registrar.auditedOf("network.issued-again", by)}
		if d := cmp.Diff([]int{learned, again}, got); d != "" {
			t.Errorf("%s: entries of the delegate, learned and issued again (-expected +found):\n%s", what, d)
		}
	}
	l.receives(l.enrol("anna"))
	ask(body{"name": "anna", "enrolment": 1})
	entries("whom the registrar enrolled", 0, 1)
	ask(body{"name": "ben"})
	entries("somebody new", 1, 1)
	ask(body{"names": []string{"ben", "eve"}, "enrolment": 1})
	entries("one of two", 2, 2)
	ask(body{"name": "anna", "enrolment": 1})
	entries("a request more", 2, 3)
	l.receives(l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "enrolment": 1}))
	if n := l.registrar.audited("network.issued-again"); n != 3 {
		t.Errorf("what the registrar asks for itself is on record as that; found %d entries", n)
	}
}

func TestADelegateSignsInAnothersPlace(t *testing.T) {
	l := newSharedLab(t)
	mandate := must(l.handOn(l.cosigner, "delegate", time.Hour, nil))(t)
	a := l.ask(l.registrar, order.ClientSecret, body{"name": "anna"})
	second := must(l.approve(l.delegate, a.Pending, mandate.Delegation))(t)
	got := l.receives(l.further(l.registrar, order.ClientSecret, a, append(a.Approvals, second.Approval)...))
	if n := len(got.Request.Approvals()); n != 2 {
		t.Errorf("expected 2 approvals; found %d", n)
	}
	t.Run("but not beside the one whose place it has", func(t *testing.T) {
		a := l.ask(l.registrar, order.ClientSecret, body{"name": "ben"})
		first := must(l.approve(l.cosigner, a.Pending, nil))(t)
		second := must(l.approve(l.delegate, a.Pending, mandate.Delegation))(t)
		refused(t, l.further(l.registrar, order.ClientSecret, a, first.Approval, second.Approval).err, fault.Denied)
	})
	t.Run("and hands nothing on", func(t *testing.T) {
		_, err := l.handOn(l.delegate, "registrar", time.Hour, nil)
		refused(t, err, fault.NotFound) // to it, the network is known from its mandate alone
	})
}

func TestWhoHasNoAuthorityHandsNoneOn(t *testing.T) {
	l := newLab(t, 1, body{"authority": []any{body{"kind": "server-secret", "names": []string{"self", "cosigner"}}}})
	l.cosigner.becomes(l.network.Reference, "accepted")
	_, err := l.handOn(l.cosigner, "delegate", time.Hour, nil)
	refused(t, err, fault.Denied)
	a := l.ask(l.cosigner, order.ClientSecret, body{"name": "anna"})
	if a.err != nil || a.State != "approval" || a.Needed != 1 || len(a.Approvals) != 0 {
		t.Errorf("it may draft, for the registrar to sign; found %q, %v", a.State, a.err)
	}
	_, err = l.approve(l.cosigner, a.Pending, nil)
	refused(t, err, fault.Denied)
	first := must(l.approve(l.registrar, a.Pending, nil))(t)
	if got := l.further(l.cosigner, order.ClientSecret, a, first.Approval); got.err == nil {
		t.Error("who has signed nothing asks for nothing: expected a refusal")
	}
	l.receives(l.further(l.registrar, order.ClientSecret, a, first.Approval))
}

func TestPermitsAreDelegatedForSomeDays(t *testing.T) {
	l := newLab(t, 1, body{"maxPermitDays": 7})
	for days, want := range map[int]uint64{0: 7, 2: 2} {
		got := must(l.handOn(l.registrar, "delegate", time.Hour, body{"kinds": []string{"time-permit", "client-secret"}, "maxDays": days}))(t)
		_, d, err := issue.ReadMandate(got.Delegation)
		if err != nil || d.MaxDays != want || len(d.Kinds) != 2 {
			t.Errorf("%d days: expected %d, of 2 kinds; found %+v, %v", days, want, d, err)
		}
	}
	mandate := must(l.handOn(l.registrar, "delegate", time.Hour, body{"kinds": []string{"time-permit"}, "maxDays": 2}))(t)
	key := must(seal.V2.NewPrivateKey())(t)
	b := func(days int) body {
		return body{"name": "anna", "enrolment": 1, "days": days, "delegation": mandate.Delegation}
	}
	if got := l.receives(l.askFor(l.delegate, "", order.TimePermit, key, b(2))); len(got.Permits[0]) != 2 {
		t.Errorf("expected 2 permits; found %d", len(got.Permits[0]))
	}
	refused(t, l.askFor(l.delegate, "", order.TimePermit, key, b(4)).err, fault.Denied)
}

func TestAnApprovalIsOnRecord(t *testing.T) {
	l := newSharedLab(t)
	a := l.ask(l.registrar, order.ServerSecret, body{"name": "door"})
	must(l.approve(l.cosigner, a.Pending, nil))(t)
	must(l.handOn(l.cosigner, l.delegate.keys.Identity().Name.String(), time.Hour, nil))(t)
	for _, kind := range []string{"network.approved", "network.delegated"} {
		if n := l.cosigner.audited(kind); n != 1 {
			t.Errorf("expected one entry %s; found %d", kind, n)
		}
	}
}
