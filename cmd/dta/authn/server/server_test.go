package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/authn/client"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/cmd/dta/authn/server"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// noon is what every clock says unless a test moves it: 2027-01-15, 12:00 UTC.
var noon = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)

// door is a running server.
type door struct {
	*authntest.Network
	t      *testing.T
	url    string
	dir    string // of its state
	ledger *ledger.Ledger

	mu   sync.Mutex
	log  bytes.Buffer
	now  time.Time
	in   []server.Login
	keys [][]byte
}

type option func(*server.Config)

// open starts a server of a network; its state is in dir.
func open(t *testing.T, n *authntest.Network, dir string, options ...option) *door {
	t.Helper()
	d := &door{Network: n, t: t, dir: dir, now: noon}
	file := n.Server("door")
	d.ledger = authntest.Ledger(t, dir, ledger.Owner{Network: n.Network.String(), Server: "door"})
	c := server.Config{
		Secret: file, Ledger: d.ledger, Now: d.clock,
		Log: hclog.New(&hclog.LoggerOptions{Output: writer{d}, Level: hclog.Trace, DisableTime: true}),
		LoggedIn: func(l server.Login) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if l.Key != nil {
				d.keys = append(d.keys, bytes.Clone(l.Key.Open()))
			}
			d.in = append(d.in, l)
		},
		Limits: server.Defaults(),
	}
	c.Limits.Failures = 1000
	for _, o := range options {
		o(&c)
	}
	s, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	file.Clear()
	h := httptest.NewServer(s.Handler())
	d.url = h.URL
	t.Cleanup(func() { h.Close(); s.Close(); d.ledger.Close() })
	return d
}

type writer struct{ d *door }

func (w writer) Write(b []byte) (int, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return w.d.log.Write(b)
}

func (d *door) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *door) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *door) loggedIn() (all []server.Login) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.in
}

func (d *door) set(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = now
}

func (d *door) login(t *credential.Token) client.Login {
	l := client.Login{URL: d.url, HTTP: http.DefaultClient, Token: t, Now: d.clock}
	if d.Permits {
		l.Permits = d.PermitsFor(t.Name, credential.Today(d.clock()))
	}
	return l
}

func try(ctx context.Context, l client.Login, pin int) (*client.Result, error) {
	p, err := l.Prepare(ctx)
	if err != nil {
		return nil, err
	}
	return p.Do(ctx, pin)
}

// expect logs in with a PIN and compares how it went: "" for success, else a part
// of the error.
func (d *door) expect(l client.Login, pin int, want string) *client.Result {
	d.t.Helper()
	r, err := try(d.t.Context(), l, pin)
	switch {
	case want == "" && err != nil:
		d.t.Fatalf("expected to be logged in; found %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		d.t.Fatalf("expected %q; found %v", want, err)
	}
	return r
}

// everywhere runs a test in both suites, with and without permits.
func everywhere(t *testing.T, test func(t *testing.T, n *authntest.Network)) {
	suites := []mpin.Suite{mpin.V1, mpin.AMCL}
	if testing.Short() {
		suites = suites[:1]
	}
	for _, suite := range suites {
		for _, permits := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, permits %t", suite, permits), func(t *testing.T) {
				test(t, authntest.New(t, suite, "shop", permits))
			})
		}
	}
}

func TestARightPINLogsInAndBothSidesHaveOneKey(t *testing.T) {
	everywhere(t, func(t *testing.T, n *authntest.Network) {
		d := open(t, n, t.TempDir())
		anna := d.login(d.Token("anna", 42))
		r := d.expect(anna, 42, "")
		if r.Server != "door" || len(d.keys) != 1 || len(d.keys[0]) != 32 || !r.Key.Equal(d.keys[0]) {
			t.Errorf("expected one key of 32 bytes; found %d and %d at the server", r.Key.Len(), len(d.keys))
		}
		if again := d.expect(anna, 42, ""); again.Key.Equal(r.Key.Open()) {
			t.Error("two logins had one key")
		}
		anna.TwoPass = true
		if r := d.expect(anna, 42, ""); r.Key != nil {
			t.Error("two passes gave a key")
		}
		if in := d.loggedIn(); len(in) != 3 || in[2].Name != "anna" || in[2].Enrolment != n.Enrolment() {
			t.Errorf("found %v", in)
		}
	})
}

func TestWrongPINsLockAPersonUntilTheOperatorUnlocks(t *testing.T) {
	everywhere(t, func(t *testing.T, n *authntest.Network) {
		dir := t.TempDir()
		d := open(t, n, dir)
		anna, ben := d.login(d.Token("anna", 1234)), d.login(d.Token("ben", 1))
		d.expect(anna, 1233, "2 tries left")
		d.expect(anna, 9999, "one try left")
		d.expect(anna, 1234, "") // forgotten
		d.expect(anna, 0, "2 tries left")
		d.expect(anna, 1235, "one try left")
		d.expect(ben, 2, "2 tries left")
		d.expect(anna, 1236, "no tries are left")
		d.expect(anna, 1234, "locked")
		d.expect(ben, 1, "")
		if n, err := ledger.Unlock(t.Context(), dir, "anna"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		d.expect(anna, 1234, "")
	})
}

func TestARestartUnlocksNobody(t *testing.T) {
	n, dir := authntest.New(t, mpin.V1, "shop", true), t.TempDir()
	d := open(t, n, dir)
	for _, want := range []string{"2 tries left", "one try left", "no tries are left"} {
		d.expect(d.login(d.Token("anna", 1234)), 4321, want)
	}
	d.ledger.Close()
	d = open(t, n, dir)
	d.expect(d.login(d.Token("anna", 1234)), 1234, "locked")
}

func TestGuessesSideBySideAreNoMoreThanOneAfterTheOther(t *testing.T) {
	everywhere(t, func(t *testing.T, n *authntest.Network) {
		d := open(t, n, t.TempDir())
		anna := d.login(d.Token("anna", 5000))
		// Every session is open, and answered, before any is looked at.
		var all []*answer
		for guess := range 40 {
			all = append(all, d.begin(anna, guess))
		}
		var wg sync.WaitGroup
		for _, a := range all {
			wg.Go(func() {
				for a.finish(); a.problem.Kind == fault.Busy; a.finish() {
					*a = *d.begin(anna, a.guess)
				}
			})
		}
		wg.Wait()
		looked := 0
		for _, a := range all {
			if a.problem.TriesLeft != nil {
				looked++
			} else if a.problem.State != "locked" && a.problem.Kind != fault.NotFound && a.status != 0 {
				t.Errorf("found %+v", a.problem)
			}
		}
		if looked != 3 {
			t.Errorf("expected 3 guesses to be looked at; found %d", looked)
		}
		d.expect(anna, 5000, "locked")
	})
}

func TestWhoHasNoTokenLocksNobodyOut(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", true), t.TempDir())
	anna := d.login(d.Token("anna", 1234))
	stranger := anna
	stranger.Token = d.Token("ben", 1234)
	stranger.Token.Name = "anna" // another's token under her name
	for range 10 {
		d.expect(stranger, 1234, "refused: the PIN, the token or the permit is wrong")
	}
	d.expect(anna, 1, "2 tries left")
	d.expect(anna, 1234, "")
}

func TestWhereADistanceCanBeHiddenEveryRejectionCounts(t *testing.T) {
	n := authntest.New(t, mpin.AMCL, "shop", true)
	d := open(t, n, t.TempDir())
	anna := d.login(d.Token("anna", 1234))
	stranger := anna
	stranger.Token = d.Token("ben", 1234)
	stranger.Token.Name = "anna"
	d.expect(stranger, 1234, "2 tries left")
	d.expect(stranger, 1234, "one try left")
	d.expect(anna, 1, "no tries are left")
}

func TestAnInsiderWithAStolenTokenDoesNotGuessForFree(t *testing.T) {
	everywhere(t, func(t *testing.T, n *authntest.Network) {
		d := open(t, n, t.TempDir())
		stolen := d.login(d.Token("anna", 1234))
		for guess := range 3 {
			a := d.begin(stolen, guess, mallory(n))
			if a.finish(); a.status == http.StatusOK {
				t.Fatal("a wrong guess was accepted")
			}
		}
		// Either its sessions never came to be looked at, or they counted.
		a := d.begin(stolen, 1234, mallory(n))
		if a.finish(); a.status == http.StatusOK {
			t.Error("a guess after three wrong ones was looked at")
		}
	})
}

// TestALoginThatAServerPassesOnToAnotherComesToNothing where the client knows the
// name of the server that it means.
func TestALoginThatAServerPassesOnToAnotherComesToNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, n *authntest.Network) {
		d := open(t, n, t.TempDir())
		door, err := url.Parse(d.url)
		if err != nil {
			t.Fatal(err)
		}
		pass := httputil.NewSingleHostReverseProxy(door)
		for name, about := range map[string]http.Handler{
			"under the other's name": pass,
			"under its own": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(marshal(authn.About{
					Network: n.Network.String(), Reference: n.Reference, Name: "gate", Suite: n.Suite.Name, Permits: n.Permits, Day: "2027-01-15",
				}))
			}),
		} {
			mux := http.NewServeMux()
			mux.Handle("/", pass)
			mux.Handle("GET "+authn.PathAbout, about)
			gate := httptest.NewServer(mux)
			l := d.login(d.Token("anna", 1234))
			l.URL, l.Server = gate.URL, "gate"
			if _, err := try(t.Context(), l, 1234); fault.Of(err) != fault.Denied {
				t.Errorf("%s: found %v", name, err)
			}
			gate.Close()
		}
		if in := d.loggedIn(); len(in) != 0 {
			t.Errorf("the other server was logged in to: %v", in)
		}
		l := d.login(d.Token("anna", 1234))
		l.Server = "door"
		d.expect(l, 1234, "")
	})
}

func TestAThiefWhoEntersWhatIsNoPINIsNotToldOnWhichSideThePINIs(t *testing.T) {
	everywhere(t, func(t *testing.T, n *authntest.Network) {
		for _, number := range []int64{-9999, -5000, -1, 10000, 19998} {
			for _, pin := range []int{0, 4999, 9999} {
				name := fmt.Sprint("anna", number, pin)
				d := open(t, n, t.TempDir())
				a := d.begin(d.login(moved(d.Token(name, pin), number)), 0)
				if a.finish(); a.problem.TriesLeft == nil || *a.problem.TriesLeft != 2 || !strings.HasPrefix(a.problem.Detail, "wrong PIN;") {
					t.Errorf("%d where the PIN is %d: expected a wrong PIN; found %s", number, pin, a.text)
				}
			}
		}
	})
}

// moved is a token that takes PIN 0 for a number, as a thief makes it.
func moved(token *credential.Token, number int64) *credential.Token {
	id, err := token.Identity()
	if err != nil {
		panic(err)
	}
	a, err := token.Suite.HashIdentity(id)
	if err != nil {
		panic(err)
	}
	p := token.Token.Point()
	if number < 0 {
		p = p.Sub(a.Mul(bls.NewScalar(uint64(-number))))
	} else {
		p = p.Add(a.Mul(bls.NewScalar(uint64(number))))
	}
	out := &credential.Token{Subject: token.Subject, PermitTag: token.PermitTag}
	if out.Token, err = token.Suite.ParseToken(secret.New(token.Suite.PointBytes(p))); err != nil {
		panic(err)
	}
	return out
}

func TestTheDistanceIsForTheOperatorWhoAsksForIt(t *testing.T) {
	for _, asked := range []bool{true, false} {
		d := open(t, authntest.New(t, mpin.V1, "shop", true), t.TempDir(), func(c *server.Config) { c.LogDistance = asked })
		a := d.begin(d.login(d.Token("anna", 1234)), 1241)
		a.finish()
		if got := strings.Contains(d.said(), "distance=7"); got != asked {
			t.Errorf("asked %t: the log says %s", asked, d.said())
		}
		if bytes.Contains(a.text, []byte("7")) || a.problem.State != "refused" {
			t.Errorf("the client was told %s", a.text)
		}
	}
}

func TestAPermitIsForTheServersOwnDay(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", true), t.TempDir())
	today := credential.Today(noon)
	midnight := time.Unix(int64(today)*86400, 0)
	for _, test := range []struct {
		name string
		now  time.Time
		day  uint32
		want string
	}{
		{"today's", noon, today, ""},
		{"yesterday's", noon, today - 1, "expected the permit of 2027-01-15; found that of 2027-01-14"},
		{"tomorrow's", noon, today + 1, "expected the permit of 2027-01-15; found that of 2027-01-16"},
		{"a week's old", noon, today - 7, "expected the permit of"},
		{"yesterday's, at midnight", midnight, today - 1, ""},
		{"yesterday's, before five past", midnight.Add(5*time.Minute - time.Millisecond), today - 1, ""},
		{"yesterday's, at five past", midnight.Add(5 * time.Minute), today - 1, "expected the permit of"},
		{"the day before yesterday's, at midnight", midnight, today - 2, "expected the permit of"},
		{"tomorrow's, before midnight", midnight.Add(-time.Second), today, "expected the permit of"},
		{"today's, before midnight", midnight.Add(-time.Second), today - 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d.t = t
			d.set(test.now)
			l := d.login(d.Token("anna", 1234))
			l.Permits = d.PermitsFor("anna", test.day)
			a := d.start(l, test.day, 1234)
			if test.want != "" {
				if a.status != http.StatusForbidden || !strings.Contains(a.problem.Detail, test.want) {
					t.Errorf("expected %q; found %d, %s", test.want, a.status, a.text)
				}
				return
			}
			if a.finish(); a.status != http.StatusOK {
				t.Errorf("found %d, %s", a.status, a.text)
			}
		})
	}
}

func TestAnothersPermitAnotherDaysAndNoneAreRefused(t *testing.T) {
	for _, suite := range []mpin.Suite{mpin.V1, mpin.AMCL} {
		d := open(t, authntest.New(t, suite, "shop", true), t.TempDir())
		today := credential.Today(noon)
		l := d.login(d.Token("anna", 1234))
		for name, permit := range map[string]*mpin.Permit{
			"another's":              d.PermitsFor("ben", today).Permits[0],
			"another day's, renamed": {Day: today, Point: d.PermitsFor("anna", today-1).Permits[0].Point},
		} {
			l.Permits = &credential.Permits{Subject: d.Subject("anna"), Permits: []*mpin.Permit{permit}}
			if _, err := try(t.Context(), l, 1234); fault.Of(err) != fault.Denied {
				t.Errorf("%s: found %v", name, err)
			}
		}
		l.Permits = d.PermitsFor("anna", today-1)
		d.expect(l, 1234, "no permit for 2027-01-15")
		l.Permits = nil
		d.expect(l, 1234, "no permit for 2027-01-15")
	}
}
