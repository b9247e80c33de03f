package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/authn/client"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
)

// answer is a login that goes step by step, and what the server said last.
type answer struct {
	d       *door
	guess   int
	session string
	v, z    []byte

	status  int
	text    []byte
	problem authn.Problem
}

// cheat makes U and V of a prover's, given the challenge, into others.
type cheat struct {
	commitment func(c *mpin.Commitment)
	answer     func(v *bls.G1) *bls.G1
}

// mallory is enrolled in the network himself and adds a multiple of his own
// identity to U, and of his own client secret to V: right guesses stay right, and
// wrong ones show no distance.
func mallory(n *authntest.Network) cheat {
	z := bls.RandomScalar()
	a, err := n.Suite.HashIdentity(n.Identity("mallory"))
	if err != nil {
		panic(err)
	}
	return cheat{
		func(c *mpin.Commitment) {
			c.U = c.U.Add(a.Mul(z))
			if c.UT != nil {
				c.UT = c.UT.Add(a.Mul(z))
			}
		},
		func(v *bls.G1) *bls.G1 { return v.Sub(n.Secret("mallory").Point().Mul(z)) },
	}
}

func (d *door) begin(l client.Login, guess int, how ...cheat) *answer {
	d.t.Helper()
	return d.start(l, credential.Today(d.clock()), guess, how...)
}

// start begins a login for a day and answers the challenge, but does not send it.
func (d *door) start(l client.Login, day uint32, guess int, how ...cheat) *answer {
	d.t.Helper()
	in := authn.Start{Name: l.Token.Name, Enrolment: l.Token.Enrolment}
	login := mpin.Login{Identity: d.Identity(l.Token.Name), Token: l.Token.Token, PIN: guess}
	if d.Permits {
		in.Day = credential.Day(day)
		login.Permit, _ = l.Permits.For(day)
	}
	prover, err := d.Suite.NewProver(login)
	if err != nil {
		d.t.Fatal(err)
	}
	c := *prover.Commitment()
	for _, h := range how {
		h.commitment(&c)
	}
	in.Commitment = d.Suite.CommitmentBytes(&c)
	a := &answer{d: d, guess: guess}
	if !a.post(authn.PathStart, in) {
		return a
	}
	var challenge authn.Challenge
	if err := json.Unmarshal(a.text, &challenge); err != nil {
		d.t.Fatal(err)
	}
	v, err := prover.Respond(challenge.Y)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, h := range how {
		v = h.answer(v)
	}
	a.session, a.v = challenge.Session, d.Suite.PointBytes(v)
	return a
}

// finish sends the answer.
func (a *answer) finish() {
	if a.session != "" {
		a.post(authn.PathFinish, authn.Finish{Session: a.session, V: a.v, Z: a.z})
	}
}

func (a *answer) post(path string, in any) (ok bool) {
	text, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	return a.send(http.MethodPost, path, "application/json", text)
}

func (a *answer) send(method, path, media string, text []byte) (ok bool) {
	req, err := http.NewRequest(method, a.d.url+path, bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", media)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.d.t.Error(err)
		return false
	}
	defer res.Body.Close()
	a.status, a.problem = res.StatusCode, authn.Problem{}
	a.text, _ = io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		if err := json.Unmarshal(a.text, &a.problem); err != nil {
			a.d.t.Errorf("expected a problem; found %s", a.text)
		}
		if err := fault.FromProblem(res.StatusCode, res.Header.Get("Content-Type"), a.text); fault.Of(err) != a.problem.Kind {
			a.d.t.Errorf("expected %s; found %v", a.problem.Kind, err)
		}
	}
	return res.StatusCode == http.StatusOK
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
