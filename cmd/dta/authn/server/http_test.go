package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/authn/client"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/cmd/dta/authn/server"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestBadRequestsAreProblems(t *testing.T) {
	d := open(t, authntest.New(t, mpin.V1, "shop", true), t.TempDir())
	l := d.login(d.Token("anna", 1234))
	good := d.Suite.PointBytes(bls.G1Generator())
	commitment := func() []byte {
		prover, err := d.Suite.NewProver(mpin.Login{Identity: d.Identity("anna"), Token: l.Token.Token, PIN: 1, Permit: l.Permits.Permits[0]})
		if err != nil {
			t.Fatal(err)
		}
		return d.Suite.CommitmentBytes(prover.Commitment())
	}()
	today := credential.Day(credential.Today(noon))
	const json = "application/json"
	type m = map[string]any
	for _, test := range []struct {
		name, method, path, media string
		body                      any
		status                    int
		says                      string
	}{
		{"no such path", "GET", "/", json, nil, 404, "expected GET /login"},
		{"another method", "GET", authn.PathStart, json, nil, 404, "expected GET /login"},
		{"another method for what is shown", "DELETE", authn.PathAbout, json, nil, 404, "expected GET /login"},
		{"another type", "POST", authn.PathStart, "text/plain", m{}, 400, "application/json"},
		{"no type", "POST", authn.PathStart, "", m{}, 400, "application/json"},
		{"no JSON", "POST", authn.PathStart, json, "x", 400, "body: expected a JSON object"},
		{"null", "POST", authn.PathStart, json, nil, 400, "body: expected a JSON object"},
		{"too much", "POST", authn.PathStart, json, m{"name": strings.Repeat("a", authn.MaxBody)}, 400, "at most 16384 bytes"},
		{"a member that is unknown", "POST", authn.PathStart, json, m{"pin": 1234}, 400, `unknown field \"pin\"`},
		{"no name", "POST", authn.PathStart, json, m{"name": "", "enrolment": 1, "day": today, "u": commitment}, 400, "not an identity"},
		{"a name of control characters", "POST", authn.PathStart, json, m{"name": "a\nb", "enrolment": 1, "day": today, "u": commitment}, 400, "not an identity"},
		{"a negative enrolment", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": -1, "day": today, "u": commitment}, 400, "enrolment"},
		{"no day", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "u": commitment}, 400, "day: expected one like 2026-11-22"},
		{"a day that is none", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "day": "2027-02-30", "u": commitment}, 400, "day: expected one like"},
		{"the day of days", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "day": "1970-01-01", "u": commitment}, 400, "day: expected one like"},
		{"no commitment", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "day": today}, 400, "commitment"},
		{"a commitment cut off", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "day": today, "u": commitment[:47]}, 400, "commitment"},
		{"a commitment without its permit", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "day": today, "u": append(commitment[:48:48], commitment[96:]...)}, 400, "lacks its part"},
		{"a commitment of the identity point", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "day": today, "u": append([]byte{0xc0}, make([]byte, 47)...)}, 400, "commitment"},
		{"another's commitment", "POST", authn.PathStart, json, m{"name": "ben", "enrolment": 1, "day": today, "u": commitment}, 403, "refused"},
		{"a proof of a bit turned", "POST", authn.PathStart, json, m{"name": "anna", "enrolment": 1, "day": today, "u": append(append([]byte(nil), commitment[:len(commitment)-1]...), commitment[len(commitment)-1]^1)}, 403, "refused"},
		{"no session", "POST", authn.PathFinish, json, m{"v": good}, 404, "no such login"},
		{"a confirmation of none", "POST", authn.PathConfirm, json, m{"session": "x", "confirm": good}, 404, "no such login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d.t = t
			a := &answer{d: d}
			a.send(test.method, test.path, test.media, marshal(test.body))
			if a.status != test.status || !strings.Contains(string(a.text), test.says) {
				t.Errorf("expected %d and %q; found %d, %s", test.status, test.says, a.status, a.text)
			}
		})
	}
	for name, v := range map[string][]byte{"none": nil, "the identity": append([]byte{0xc0}, make([]byte, 47)...), "cut off": good[:47], "off the curve": append(bytes.Clone(good[:47]), good[47]^1)} {
		a := d.begin(l, 1234)
		a.v = v
		if a.finish(); a.status != http.StatusBadRequest {
			t.Errorf("v %s: found %d, %s", name, a.status, a.text)
		}
		if name == "none" {
			continue // no z: two passes
		}
		a = d.begin(l, 1234)
		a.z = v
		if a.finish(); a.status != http.StatusBadRequest {
			t.Errorf("z %s: found %d, %s", name, a.status, a.text)
		}
	}
	d.t = t
	d.expect(l, 1234, "")
}

func TestNothingSecretIsSaid(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", true)
	d := open(t, n, t.TempDir())
	file := n.Server("door")
	d.expect(d.login(d.Token("anna", 1234)), 1234, "")
	d.expect(d.login(d.Token("anna", 1234)), 1235, "2 tries left")
	for _, secret := range [][]byte{file.Secret.Bytes().Open(), d.keys[0], d.Token("anna", 1234).Token.Bytes().Open()} {
		for _, form := range []string{string(secret), string(marshal(secret))} {
			if strings.Contains(d.said(), strings.Trim(form, `"`)) {
				t.Error("a secret stands in the log")
			}
		}
	}
	if strings.Contains(d.said(), "distance") {
		t.Errorf("the log tells a distance: %s", d.said())
	}
}

func TestBeyondLoopbackAServerNeedsTLS(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", false)
	l := authntest.Ledger(t, t.TempDir(), ledger.Owner{})
	s, err := server.New(server.Config{Secret: n.Server("door"), Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := s.Serve(t.Context(), listener, nil); fault.Of(err) != fault.Invalid {
		t.Errorf("found %v", err)
	}
}

func TestAServerStopsWhenToldTo(t *testing.T) {
	n := authntest.New(t, mpin.V1, "shop", false)
	l := authntest.Ledger(t, t.TempDir(), ledger.Owner{})
	s, err := server.New(server.Config{Secret: n.Server("door"), Ledger: l})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, listener, nil) }()
	anna := client.Login{URL: "http://" + listener.Addr().String(), HTTP: http.DefaultClient, Token: n.Token("anna", 1)}
	if _, err := try(t.Context(), anna, 1); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzRequests: whatever is sent is answered, and never by an error of the server.
func FuzzRequests(f *testing.F) {
	for _, path := range []string{authn.PathStart, authn.PathFinish, authn.PathConfirm} {
		f.Add(path, []byte(`{"name":"anna","enrolment":1,"day":"2027-01-15","u":"AAAA"}`))
		f.Add(path, []byte(`{"session":"x","v":"AAAA","z":"AAAA"}`))
		f.Add(path, []byte(`{"session":"x","confirm":"AAAA"}`))
	}
	n := authntest.New(f, mpin.V1, "shop", true)
	l := authntest.Ledger(f, f.TempDir(), ledger.Owner{})
	limits := server.Defaults()
	limits.Failures = 1 << 30
	limits.Forgive = 1
	s, err := server.New(server.Config{Secret: n.Server("door"), Ledger: l, Limits: limits, Now: func() time.Time { return noon }})
	if err != nil {
		f.Fatal(err)
	}
	h := s.Handler()
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path, r.RemoteAddr = path, "127.0.0.1:1"
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) && w.Code/100 != 3 {
			t.Errorf("%q, %q: found %d, %s", path, body, w.Code, w.Body)
		}
	})
}
