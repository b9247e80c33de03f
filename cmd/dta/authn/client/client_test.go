package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/authn/client"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
)

var noon = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)

// liar is a server that has no secret and answers as it is told.
func liar(t *testing.T, answers map[string]any) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch a := answers[r.URL.Path].(type) {
		case string:
			io.WriteString(w, a)
		case nil:
			t.Errorf("%s was called", r.URL.Path)
		case http.HandlerFunc:
			a(w, r)
		default:
			_ = json.NewEncoder(w).Encode(a)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func about(n *authntest.Network, change func(*authn.About)) authn.About {
	a := authn.About{Network: n.Network.String(), Reference: n.Reference, Name: "door", Suite: n.Suite.Name, Permits: n.Permits, Day: "2027-01-15"}
	if change != nil {
		change(&a)
	}
	return a
}

func TestNobodyIsAskedForAPINAtTheWrongDoor(t *testing.T) {
	n, other := authntest.New(t, mpin.V1, "shop", true), authntest.New(t, mpin.V1, "bank", true)
	today := credential.Today(noon)
	for _, test := range []struct {
		name    string
		about   any
		permits *credential.Permits
		kind    fault.Kind
		want    string
	}{
		{"the right one", about(n, nil), n.PermitsFor("anna", today), "", ""},
		{"another network's", about(other, nil), n.PermitsFor("anna", today), fault.Invalid, "another network"},
		{"another suite's", about(n, func(a *authn.About) { a.Suite = "amcl-bls381" }), nil, fault.Invalid, "another network"},
		{"no permits at all", about(n, nil), nil, fault.Denied, "no permit for 2027-01-15"},
		{"no permit for today", about(n, nil), n.PermitsFor("anna", today+1), fault.Denied, "no permit for 2027-01-15"},
		{"another's permits", about(n, nil), n.PermitsFor("ben", today), fault.Invalid, "another's"},
		{"permits of another network", about(n, nil), other.PermitsFor("anna", today), fault.Invalid, "another's"},
		{"a clock a day ahead", about(n, func(a *authn.About) { a.Day = "2027-01-16" }), n.PermitsFor("anna", today+1), "", ""},
		{"a clock two days ahead", about(n, func(a *authn.About) { a.Day = "2027-01-17" }), n.PermitsFor("anna", today+2), fault.Unavailable, "clock"},
		{"a clock two days behind", about(n, func(a *authn.About) { a.Day = "2027-01-13" }), n.PermitsFor("anna", today-2), fault.Unavailable, "clock"},
		{"a day that is none", about(n, func(a *authn.About) { a.Day = "\x1b[2J" }), n.PermitsFor("anna", today), fault.Unavailable, "clock"},
		{"a page", `<h1>Log in</h1>`, nil, fault.Unavailable, "the server's answer"},
		{"a member more", `{"network":"x","pin":"please"}`, nil, fault.Unavailable, "the server's answer"},
		{"too much", strings.Repeat(" ", authn.MaxBody) + "{}", nil, fault.Unavailable, "the server's answer"},
		{"an error", http.HandlerFunc(http.NotFound), nil, fault.Unavailable, "404"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := liar(t, map[string]any{authn.PathAbout: test.about})
			_, err := client.Login{URL: url, HTTP: http.DefaultClient, Token: n.Token("anna", 1), Permits: test.permits, Now: func() time.Time { return noon }}.Prepare(t.Context())
			if fault.Of(err) != test.kind || (err != nil && !strings.Contains(err.Error(), test.want)) || strings.Contains(fmt.Sprint(err), "\x1b") {
				t.Errorf("expected %s, %q; found %v", test.kind, test.want, err)
			}
		})
	}
}

func TestWhatIsBeyondLoopbackIsReachedByTLS(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", false)
	for _, url := range []string{"http://login.example", "http://192.0.2.1:80", "ftp://127.0.0.1", "127.0.0.1:5610", "", "https://", "http://127.0.0.1.example"} {
		_, err := client.Login{URL: url, HTTP: http.DefaultClient, Token: n.Token("anna", 1)}.Prepare(t.Context())
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%q: found %v", url, err)
		}
	}
}

func TestAServerThatIsAwayIsNamed(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", false)
	_, err := client.Login{URL: "http://anna:hush@127.0.0.1:1/", HTTP: http.DefaultClient, Token: n.Token("anna", 1)}.Prepare(t.Context())
	if fault.Of(err) != fault.Unavailable || !strings.HasPrefix(err.Error(), "call the server at http://127.0.0.1:1: ") || strings.Contains(err.Error(), "hush") {
		t.Errorf("found %v", err)
	}
}

// TestAServerThatHasNoSecretIsFoundOut in M-Pin Full: to say that a login
// succeeded is not enough.
func TestAServerThatHasNoSecretIsFoundOut(t *testing.T) {
	for _, suite := range []mpin.Suite{mpin.V1, mpin.AMCL} {
		n := authntest.New(t, suite, "shop", false)
		y := bls.RandomScalar().Bytes().Open()
		for len(y) < map[string]int{"dta-v1": 32, "amcl-bls381": 48}[suite.Name] {
			y = append([]byte{0}, y...)
		}
		point := suite.PointBytes(bls.G1Generator())
		good := map[string]any{
			authn.PathAbout:   about(n, nil),
			authn.PathStart:   authn.Challenge{Session: "s", Y: y},
			authn.PathFinish:  authn.Outcome{State: authn.Confirm, W: point, Confirm: make([]byte, 32)},
			authn.PathConfirm: nil, // the client must not go so far
		}
		for _, test := range []struct {
			name, path string
			answer     any
			kind       fault.Kind
			want       string
		}{
			{"a proof that is none", authn.PathFinish, good[authn.PathFinish], fault.Denied, "not a server of the network"},
			{"no proof", authn.PathFinish, authn.Outcome{State: authn.Confirm, W: point}, fault.Denied, "not a server of the network"},
			{"accepted at once", authn.PathFinish, authn.Outcome{State: authn.Accepted}, fault.Unavailable, `expected state "confirm"`},
			{"no W", authn.PathFinish, authn.Outcome{State: authn.Confirm, Confirm: make([]byte, 32)}, fault.Unavailable, "the server's answer"},
			{"a challenge that is none", authn.PathStart, authn.Challenge{Session: "s", Y: []byte{1}}, fault.Unavailable, "the server's answer"},
			{"a challenge out of range", authn.PathStart, authn.Challenge{Session: "s", Y: []byte(strings.Repeat("\xff", len(y)))}, fault.Unavailable, "the server's answer"},
			{"no JSON", authn.PathStart, "no", fault.Unavailable, "the server's answer"},
		} {
			answers := map[string]any{}
			for path, a := range good {
				answers[path] = a
			}
			answers[test.path] = test.answer
			p, err := client.Login{URL: liar(t, answers), HTTP: http.DefaultClient, Token: n.Token("anna", 1)}.Prepare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r, err := p.Do(t.Context(), 1)
			if fault.Of(err) != test.kind || !strings.Contains(err.Error(), test.want) || r != nil {
				t.Errorf("%s: expected %s, %q; found %v", test.name, test.kind, test.want, err)
			}
		}
	}
}
