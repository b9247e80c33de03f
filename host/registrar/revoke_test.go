//go:build linux

package registrar_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

func (l *lab) revoke(by *node, b body) (out rest.RevocationAnswer, err error) {
	return out, l.post(by, "revocation", b, &out)
}

func TestWhoIsRevokedGetsNothingMore(t *testing.T) {
	l := newSharedLab(t)
	l.enrolBoth("anna")
	l.receives(l.ask(l.registrar, order.TimePermit, body{"name": "anna"}))
	got, err := l.revoke(l.registrar, body{"name": "anna"})
	if err != nil {
		t.Fatal(err)
	}
	day := l.now().UTC().AddDate(0, 0, 31).Format(time.DateOnly)
	sorted := cmp.Transformer("Set", func(in []string) map[string]bool {
		out := map[string]bool{}
		for _, s := range in {
			out[s] = true
		}
		return out
	})
	want := rest.RevocationAnswer{RevocationCID: got.RevocationCID, Name: "anna", Enrolment: 1, LastPermitDay: day, Informed: []string{"dta-1", "dta-2", "dta-3"}, Pending: []string{}}
	if d := cmp.Diff(want, got, sorted); d != "" {
		t.Errorf("(-expected +found):\n%s", d)
	}
	l.registrar.restart()
	refused(t, l.ask(l.registrar, order.TimePermit, body{"name": "anna"}).err, fault.Denied)
	refused(t, l.ask(l.registrar, order.TimePermit, body{"names": []string{"ben", "anna"}, "enrolment": 1}).err, fault.Denied)
	t.Run("nor a signature", func(t *testing.T) {
		a := l.ask(l.cosigner, order.ClientSecret, body{"name": "anna", "enrolment": 1})
		_, err := l.approve(l.registrar, a.Pending, nil)
		refused(t, err, fault.Denied)
	})
	t.Run("not from a node that has not heard of it either", func(t *testing.T) {
		a := l.ask(l.cosigner, order.TimePermit, body{"name": "anna", "enrolment": 1})
		if d := cmp.Diff(map[int]string{0: "refused", 1: "refused", 2: "refused"}, a.verdicts()); d != "" || len(a.Grants) != 0 {
			t.Errorf("expected every D-TA to refuse; found %+v, %v", a.Faults, a.err)
		}
		for _, f := range a.Faults {
			if f.Kind != string(fault.Denied) {
				t.Errorf("D-TA %d: expected it to be denied; found %s", f.Index, f.Kind)
			}
		}
	})
	t.Run("twice is once", func(t *testing.T) {
		if again, err := l.revoke(l.registrar, body{"name": "anna"}); err != nil || len(again.Informed) != 3 {
			t.Errorf("expected all to know; found %+v, %v", again, err)
		}
	})
	t.Run("but under the next number", func(t *testing.T) {
		got := l.receives(l.bothSign(l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "anew": true}), nil))
		if n := got.Request.Request().Subjects[0].Enrolment; n != 2 {
			t.Errorf("expected enrolment 2; found %d", n)
		}
	})
}

// enrolBoth enrols a name with both signatures.
func (l *lab) enrolBoth(name string) {
	l.t.Helper()
	l.receives(l.bothSign(l.ask(l.registrar, order.ClientSecret, body{"name": name}), nil))
}

func TestADTAThatIsDownIsToldOfARevocationWhenItIsBack(t *testing.T) {
	for what, meanwhile := range map[string]func(*lab){
		"in a moment": func(*lab) {},
		"when the revocation that was signed has expired": func(l *lab) { l.advance(issue.RevocationLife + time.Hour) },
		"when the key that the revocation is signed with is replaced": func(l *lab) {
			l.registrar.replaceKey()
			l.dtas[1].meet(l.registrar.keys.Identity())
		},
	} {
		t.Run(what, func(t *testing.T) {
			if testing.Short() && what == "in a moment" {
				t.Skip("the longer absence tells as much")
			}
			l := newLab(t, 3, nil)
			l.receives(l.enrol("anna"))
			l.dtas[1].down.Store(true)
			got, err := l.revoke(l.registrar, body{"name": "anna"})
			if err != nil || len(got.Informed) != 2 || len(got.Pending) != 1 || got.Pending[0] != "dta-2" {
				t.Fatalf("expected dta-2 to be told later; found %+v, %v", got, err)
			}
			l.registrar.stop()
			meanwhile(l)
			l.registrar.start()
			l.dtas[1].down.Store(false)
			eventually(t, "dta-2 is told", func() bool { return l.dtas[1].audited("network.revoked") == 1 })
			eventually(t, "nothing waits any more", func() bool {
				n, err := l.registrar.waiting("revoke")
				return err == nil && n == 0
			})
			if n := l.dtas[0].audited("network.revoked"); n != 1 {
				t.Errorf("dta-1: expected to be told once; was %d times", n)
			}
		})
	}
}

func TestWhoMayRevoke(t *testing.T) {
	t.Run("an authority over permits, of which the registrar hears", func(t *testing.T) {
		l := newSharedLab(t)
		l.enrolBoth("anna")
		if _, err := l.revoke(l.cosigner, body{"name": "anna"}); err == nil {
			t.Error("a name that this node has not enrolled: expected to have to give the number")
		}
		if _, err := l.revoke(l.cosigner, body{"name": "anna", "enrolment": 1}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the registrar refuses", func() bool {
			return fault.OfHTTP(status(l.ask(l.registrar, order.TimePermit, body{"name": "anna"}).err)) == fault.Denied
		})
	})
	t.Run("nobody else", func(t *testing.T) {
		l := newLab(t, 2, body{"authority": []any{body{"kind": "server-secret", "names": []string{"self", "cosigner"}}}})
		l.cosigner.becomes(l.network.Reference, "accepted")
		_, err := l.revoke(l.cosigner, body{"name": "anna", "enrolment": 1})
		refused(t, err, fault.Denied)
		_, err = l.revoke(l.delegate, body{"name": "anna", "enrolment": 1})
		refused(t, err, fault.NotFound)
	})
	t.Run("a name that was never enrolled, by its number", func(t *testing.T) {
		l := newLab(t, 1, nil)
		_, err := l.revoke(l.registrar, body{"name": "anna"})
		refused(t, err, fault.NotFound)
		if got, err := l.revoke(l.registrar, body{"name": "anna", "enrolment": 4}); err != nil || got.Enrolment != 4 {
			t.Errorf("expected it to be revoked; found %+v, %v", got, err)
		}
		refused(t, l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "enrolment": 3}).err, fault.Denied)
		anew := l.receives(l.ask(l.registrar, order.ClientSecret, body{"name": "anna", "anew": true}))
		if n := anew.Request.Request().Subjects[0].Enrolment; n != 5 {
			t.Errorf("anew: expected enrolment 5; found %d", n)
		}
	})
}
