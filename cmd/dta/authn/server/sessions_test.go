package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/authn/server"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
)

func TestASessionAnswersOnce(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", true), t.TempDir())
	l := d.login(d.Token("anna", 1234))
	a := d.begin(l, 1234)
	if a.finish(); a.status != http.StatusOK {
		t.Fatalf("found %s", a.text)
	}
	if a.finish(); a.status != http.StatusNotFound {
		t.Errorf("again: found %d, %s", a.status, a.text)
	}
	a = d.begin(l, 1)
	a.finish()
	good := d.begin(l, 1234)
	a.v = good.v
	if a.finish(); a.status != http.StatusNotFound {
		t.Errorf("after a wrong one: found %d, %s", a.status, a.text)
	}
	// The answer to another challenge, of the same person.
	other := d.begin(l, 1234)
	other.v, good.v = good.v, other.v
	for _, a := range []*answer{other, good} {
		if a.finish(); a.status == http.StatusOK {
			t.Error("the answer to another challenge was accepted")
		}
	}
}

func TestASessionIsShortLived(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", false), t.TempDir())
	l := d.login(d.Token("anna", 1234))
	a := d.begin(l, 1234)
	d.set(noon.Add(time.Minute - time.Millisecond))
	if a.finish(); a.status != http.StatusOK {
		t.Errorf("found %d, %s", a.status, a.text)
	}
	a = d.begin(l, 1234)
	d.set(noon.Add(2 * time.Minute))
	if a.finish(); a.status != http.StatusNotFound {
		t.Errorf("found %d, %s", a.status, a.text)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", false), t.TempDir(), func(c *server.Config) { c.Limits.PerRemote = 5 })
	l := d.login(d.Token("anna", 1234))
	for range 5 {
		if a := d.begin(l, 1234); a.status != http.StatusOK {
			t.Fatalf("found %d, %s", a.status, a.text)
		}
	}
	if a := d.begin(l, 1234); a.status != http.StatusTooManyRequests {
		t.Errorf("found %d, %s", a.status, a.text)
	}
	// Nor is anything looked at that there is no room for.
	a := &answer{d: d}
	if a.post(authn.PathStart, authn.Start{Name: "anna", Enrolment: 1, Commitment: make([]byte, 112)}); a.status != http.StatusTooManyRequests {
		t.Errorf("found %d, %s", a.status, a.text)
	}
	d.set(noon.Add(time.Minute))
	if a := d.begin(l, 1234); a.status != http.StatusOK {
		t.Errorf("found %d, %s", a.status, a.text)
	}
}

func TestEveryChallengeIsAnother(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", false), t.TempDir())
	l := d.login(d.Token("anna", 1234))
	prover, err := d.Suite.NewProver(mpin.Login{Identity: d.Identity("anna"), Token: l.Token.Token, PIN: 1})
	if err != nil {
		t.Fatal(err)
	}
	in := authn.Start{Name: "anna", Enrolment: 1, Commitment: d.Suite.CommitmentBytes(prover.Commitment())}
	seen := map[string]bool{}
	for range 20 {
		a := &answer{d: d}
		a.post(authn.PathStart, in)
		var c authn.Challenge
		if err := json.Unmarshal(a.text, &c); err != nil || len(c.Y) != 32 {
			t.Fatalf("found %s, %v", a.text, err)
		}
		if seen[string(c.Y)] || seen[c.Session] {
			t.Fatal("a challenge or a session came twice")
		}
		seen[string(c.Y)], seen[c.Session] = true, true
	}
}

func TestWhoFailsOftenIsSlowedDown(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", false), t.TempDir(), func(c *server.Config) { c.Limits.Failures = 4 })
	l := d.login(d.Token("anna", 1234))
	a := &answer{d: d}
	for range 4 {
		if a.post(authn.PathFinish, authn.Finish{Session: "none"}); a.status != http.StatusNotFound {
			t.Fatalf("found %d, %s", a.status, a.text)
		}
	}
	if a := d.begin(l, 1234); a.status != http.StatusTooManyRequests || !strings.Contains(string(a.text), "too many failures") {
		t.Errorf("found %d, %s", a.status, a.text)
	}
	d.set(noon.Add(2 * time.Second))
	for range 10 {
		d.expect(l, 1234, "") // a success costs nothing
	}
	a.post(authn.PathFinish, authn.Finish{Session: "none"})
	if a.post(authn.PathFinish, authn.Finish{Session: "none"}); a.status != http.StatusTooManyRequests {
		t.Errorf("found %d, %s", a.status, a.text)
	}
}

func TestWhoDoesNotConfirmIsNotLoggedIn(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", false), t.TempDir())
	l := d.login(d.Token("anna", 1234))
	for name, confirm := range map[string]func(a *answer, o authn.Outcome) bool{
		"nothing": func(a *answer, o authn.Outcome) bool {
			return a.post(authn.PathConfirm, authn.Confirmation{Session: a.session})
		},
		"the server's own": func(a *answer, o authn.Outcome) bool {
			return a.post(authn.PathConfirm, authn.Confirmation{Session: a.session, Confirm: o.Confirm})
		},
		"an answer once more": func(a *answer, o authn.Outcome) bool { a.finish(); return a.status == http.StatusOK },
	} {
		a := d.begin(l, 1234)
		a.z = d.Suite.PointBytes(bls.G1Generator())
		a.finish()
		var o authn.Outcome
		if err := json.Unmarshal(a.text, &o); err != nil || o.State != authn.Confirm || len(o.Confirm) != 32 {
			t.Fatalf("%s: found %s, %v", name, a.text, err)
		}
		if confirm(a, o) {
			t.Errorf("%s: was accepted", name)
		}
		if a.post(authn.PathConfirm, authn.Confirmation{Session: a.session, Confirm: o.Confirm}); a.status != http.StatusNotFound {
			t.Errorf("%s: the session lives on: %d, %s", name, a.status, a.text)
		}
	}
	if in := d.loggedIn(); len(in) != 0 {
		t.Errorf("found %v", in)
	}
}
