// Package client logs in to dta's example authentication server, with what is in
// a person's files and head.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Login is one person's way in.
type Login struct {
	// URL is the server's: https, or http on loopback.
	URL string
	// Server is the name that the server must have in the network; "" takes whatever
	// it says. A network's servers have one secret, so that one of them, or whoever
	// stands in between, can pass a login on to another, word for word. With a name
	// given it comes to nothing in M-Pin Full, where the name is part of what both
	// sides confirm; after two passes there is nothing that would show it.
	Server string
	// HTTP makes the calls. It should follow no redirect.
	HTTP *http.Client
	// Token is the person's file, Permits the day's permit among others; nil where
	// the network has none.
	Token   *credential.Token
	Permits *credential.Permits
	// TwoPass logs in without a key.
	TwoPass bool
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Result is a login that succeeded.
type Result struct {
	Server string // its name: as it says itself, after M-Pin Full as it has it
	// Key is what the server has too, 32 bytes, confirmed by both: nil after two
	// passes. Whoever gets it clears it.
	Key *secret.Bytes
}

// Prepared is a login that lacks the PIN: the server is the right one, and there
// is a permit where one is needed. So nobody is asked for a PIN in vain.
type Prepared struct {
	login  Login
	base   string
	about  authn.About
	day    string
	permit *mpin.Permit
}

// Prepare asks the server whose it is.
func (l Login) Prepare(ctx context.Context) (*Prepared, error) {
	if l.Now == nil {
		l.Now = time.Now
	}
	u, err := url.Parse(l.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fault.New(fault.Invalid, "server: expected a URL like https://login.example")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fault.New(fault.Invalid, "server %s: beyond loopback expected https", u.Redacted())
	}
	p := &Prepared{login: l, base: strings.TrimSuffix(u.String(), "/")}
	err = p.call(ctx, http.MethodGet, authn.PathAbout, nil, &p.about)
	if fault.Of(err) == fault.NotFound {
		return nil, fault.New(fault.NotFound, "server %s: expected one that people log in to, as dta mpin server is: %w", u.Redacted(), err)
	}
	if err != nil {
		return nil, err
	}
	t := l.Token
	if p.about.Network != t.Network.String() || p.about.Suite != t.Suite.Name {
		return nil, fault.New(fault.Invalid, "the server is of another network than the token: expected %s; found %s", t.Network, fault.Foreign(p.about.Network))
	}
	if l.Server != "" && p.about.Name != l.Server {
		return nil, fault.New(fault.Denied, "the server is another one of the network: expected %q; found %q", l.Server, fault.Foreign(p.about.Name))
	}
	if !p.about.Permits {
		return p, nil
	}
	return p, p.choose()
}

// choose finds the permit for the server's day, which this clock must bear out to
// a day: nobody is led to use another's.
func (p *Prepared) choose() error {
	l := p.login
	day, err := credential.ParseDay(p.about.Day)
	today := credential.Today(l.Now())
	if err != nil || day+1 < today || day > today+1 {
		return fault.New(fault.Unavailable, "the server's clock: expected it to be %s; found %s", credential.Day(today), fault.Foreign(p.about.Day))
	}
	if l.Permits != nil && (!l.Permits.Same(l.Token.Realm) || l.Permits.Name != l.Token.Name || l.Permits.Enrolment != l.Token.Enrolment) {
		return fault.New(fault.Invalid, "the permits are another's: expected those of %q, enrolment %d, of network %s; found those of %q, enrolment %d, of network %s",
			l.Token.Name, l.Token.Enrolment, l.Token.Network, l.Permits.Name, l.Permits.Enrolment, l.Permits.Network)
	}
	permit, ok := l.Permits.For(day)
	if !ok {
		return fault.New(fault.Denied, "no permit for %s: this network wants one for each day", credential.Day(day))
	}
	p.permit, p.day = permit, credential.Day(day)
	return nil
}

// Do logs in.
func (p *Prepared) Do(ctx context.Context, pin int) (*Result, error) {
	l := p.login
	id, err := l.Token.Identity()
	if err != nil {
		return nil, err
	}
	suite := l.Token.Suite
	prover, err := suite.NewProver(mpin.Login{Identity: id, Token: l.Token.Token, PIN: pin, Permit: p.permit})
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	defer prover.Clear()
	commitment := suite.CommitmentBytes(prover.Commitment())
	var challenge authn.Challenge
	if err := p.call(ctx, http.MethodPost, authn.PathStart, authn.Start{
		Name: l.Token.Name, Enrolment: l.Token.Enrolment, Day: p.day, Commitment: commitment,
	}, &challenge); err != nil {
		return nil, err
	}
	v, err := prover.Respond(challenge.Y)
	if err != nil {
		return nil, foreign(err)
	}
	finish := authn.Finish{Session: challenge.Session, V: suite.PointBytes(v)}
	if !l.TwoPass {
		z, err := prover.Exchange()
		if err != nil {
			return nil, err
		}
		finish.Z = suite.PointBytes(z)
	}
	var outcome authn.Outcome
	if err := p.call(ctx, http.MethodPost, authn.PathFinish, finish, &outcome); err != nil {
		return nil, err
	}
	result := &Result{Server: p.about.Name}
	if l.TwoPass {
		return result, expect(outcome, authn.Accepted)
	}
	if err := expect(outcome, authn.Confirm); err != nil {
		return nil, err
	}
	result.Key, err = p.confirm(ctx, prover, outcome, &authn.Transcript{
		Suite: suite.Name, Network: l.Token.Network.String(), Server: p.about.Name, Session: challenge.Session,
		Name: l.Token.Name, Enrolment: l.Token.Enrolment, Day: p.day,
		Commitment: commitment, Y: challenge.Y, V: finish.V, Z: finish.Z, W: outcome.W,
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// confirm derives the keys, checks that the server has them, and shows it that
// they are here.
func (p *Prepared) confirm(ctx context.Context, prover *mpin.Prover, outcome authn.Outcome, t *authn.Transcript) (*secret.Bytes, error) {
	w, err := p.login.Token.Suite.ParsePoint(outcome.W)
	if err != nil {
		return nil, foreign(err)
	}
	key, err := prover.Key(w)
	if err != nil {
		return nil, foreign(err)
	}
	defer key.Clear()
	keys, err := authn.NewKeys(key, t)
	if err != nil {
		return nil, err
	}
	defer keys.Clear()
	if !authn.Confirmed(keys.ServerConfirms(), outcome.Confirm) {
		return nil, fault.New(fault.Denied, "this is not a server of the network: it says that you are logged in, and does not have the key")
	}
	var last authn.Outcome
	if err := p.call(ctx, http.MethodPost, authn.PathConfirm, authn.Confirmation{Session: t.Session, Confirm: keys.ClientConfirms()}, &last); err != nil {
		return nil, err
	}
	if err := expect(last, authn.Accepted); err != nil {
		return nil, err
	}
	return secret.Copy(keys.Session().Open()), nil
}

// foreign is an error in what the server said.
func foreign(err error) error {
	return fault.New(fault.Unavailable, "the server's answer: %s", fault.Foreign(err.Error()))
}

func expect(o authn.Outcome, state string) error {
	if o.State != state {
		return fault.New(fault.Unavailable, "the server's answer: expected state %q; found %q", state, fault.Foreign(o.State))
	}
	return nil
}

// call makes one call of the server.
func (p *Prepared) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Invalid, "server: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.login.HTTP.Do(req)
	if err != nil {
		kind := fault.Unavailable
		if bad := (*tls.CertificateVerificationError)(nil); errors.As(err, &bad) {
			kind = fault.Denied // somebody else's server: trying again does not help
		}
		// The library's text repeats the address.
		if call := (*url.Error)(nil); errors.As(err, &call) {
			err = call.Err
		}
		return fault.New(kind, "call the server at %s://%s: %w", req.URL.Scheme, req.URL.Host, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, authn.MaxBody+1))
	if err != nil {
		return fault.New(fault.Unavailable, "read the server's answer: %w", err)
	}
	if len(text) > authn.MaxBody {
		return foreign(errors.New("expected a shorter one"))
	}
	if res.StatusCode != http.StatusOK {
		return fault.FromProblem(res.StatusCode, res.Header.Get("Content-Type"), text)
	}
	if err := strict.Decode(text, out); err != nil {
		return foreign(err)
	}
	return nil
}
