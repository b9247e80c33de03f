package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
)

// nightfall is how long after midnight, in UTC, yesterday's permit is good yet:
// clocks differ, and a login takes its time.
const nightfall = 5 * time.Minute

// errRefused says no more than that: what of PIN, token and permit was wrong is
// not told.
var errRefused = &refusal{error: fault.New(fault.Denied, "refused: the PIN, the token or the permit is wrong"), state: authn.Refused}

func (s *Server) about() authn.About {
	return authn.About{
		Network: s.realm.Network.String(), Reference: s.realm.Reference, Name: s.config.Secret.Name,
		Suite: s.realm.Suite.Name, Permits: s.config.Secret.Permits, Day: credential.Day(credential.Today(s.config.Now())),
	}
}

// start takes U and sets the challenge.
func (s *Server) start(r *http.Request, text []byte) (any, error) {
	var in authn.Start
	if err := read(text, &in); err != nil {
		return nil, err
	}
	id, err := s.realm.Identity(in.Name, in.Enrolment)
	if err != nil {
		return nil, err
	}
	day, err := s.day(in.Day)
	if err != nil {
		return nil, err
	}
	subject := ledger.Subject{Name: in.Name, Enrolment: in.Enrolment}
	if err := s.sessions.room(remoteOf(r)); err != nil {
		return nil, err
	}
	leave, err := s.work.enter(r.Context())
	if err != nil {
		return nil, err
	}
	defer leave()
	locked, err := s.config.Ledger.Locked(context.WithoutCancel(r.Context()), subject)
	if err == nil && locked {
		err = ledger.ErrLocked
	}
	if err != nil {
		return nil, s.unlocked(err)
	}
	commitment, err := s.realm.Suite.ParseCommitment(in.Commitment)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	m, err := s.verifier.Begin(mpin.Claim{Identity: id, Day: day, Commitment: commitment})
	switch {
	case errors.Is(err, mpin.ErrRejected):
		return nil, errRefused
	case err != nil:
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	y := m.Challenge()
	session := &session{remote: remoteOf(r), subject: subject, mpin: m, transcript: authn.Transcript{
		Suite: s.realm.Suite.Name, Network: s.realm.Network.String(), Server: s.config.Secret.Name,
		Name: in.Name, Enrolment: in.Enrolment, Day: in.Day, Commitment: in.Commitment, Y: y,
	}}
	name, err := s.sessions.add(session)
	if err != nil {
		return nil, err
	}
	return authn.Challenge{Session: name, Y: y}, nil
}

// day checks that a permit is for today, by this server's clock.
func (s *Server) day(text string) (uint32, error) {
	if !s.config.Secret.Permits {
		if text != "" {
			return 0, fault.New(fault.Invalid, "day: this network has no permits")
		}
		return 0, nil
	}
	day, err := credential.ParseDay(text)
	if err != nil {
		return 0, fault.New(fault.Invalid, "this network has permits: %w", err)
	}
	now := s.config.Now()
	today := credential.Today(now)
	if day == today || day == today-1 && credential.Today(now.Add(-nightfall)) == day {
		return day, nil
	}
	return 0, &refusal{error: fault.New(fault.Denied, "day: expected the permit of %s; found that of %s", credential.Day(today), credential.Day(day)), state: authn.Refused}
}

// unlocked adds how the login stands to what the ledger says.
func (s *Server) unlocked(err error) error {
	if errors.Is(err, ledger.ErrLocked) {
		return &refusal{error: err, state: authn.Locked}
	}
	return err
}

// finish takes V, and Z in M-Pin Full.
func (s *Server) finish(r *http.Request, text []byte) (any, error) {
	var in authn.Finish
	if err := read(text, &in); err != nil {
		return nil, err
	}
	session, err := s.sessions.take(in.Session, false)
	if err != nil {
		return nil, err
	}
	v, err := s.realm.Suite.ParsePoint(in.V)
	if err != nil {
		return nil, fault.New(fault.Invalid, "v: %w", err)
	}
	var z *bls.G1
	if len(in.Z) > 0 {
		if z, err = s.realm.Suite.ParsePoint(in.Z); err != nil {
			return nil, fault.New(fault.Invalid, "z: %w", err)
		}
	}
	leave, err := s.work.enterFor(r.Context(), session.subject)
	if err != nil {
		return nil, err
	}
	defer leave()
	// Who goes away does not take back the try.
	ctx := context.WithoutCancel(r.Context())
	if err := s.verify(ctx, session, v); err != nil {
		return nil, err
	}
	session.transcript.V, session.transcript.Z = in.V, in.Z
	if z == nil {
		s.loggedIn(session)
		return authn.Outcome{State: authn.Accepted}, nil
	}
	return s.exchange(session, z)
}

// verify looks at V, and counts.
func (s *Server) verify(ctx context.Context, session *session, v *bls.G1) error {
	try, err := s.config.Ledger.Begin(ctx, session.subject)
	if err != nil {
		return s.unlocked(err)
	}
	switch err := session.mpin.Verify(v); {
	case err == nil:
		return try.Right(ctx)
	case !errors.Is(err, mpin.ErrRejected):
		return errors.Join(try.Void(ctx), fault.New(fault.Invalid, "%w", err))
	}
	tried := session.mpin.TriedPIN()
	log := s.config.Log.With("name", fault.Foreign(session.subject.Name), "enrolment", session.subject.Enrolment, "from", session.remote)
	if !tried && !s.countAll {
		log.Info("a login was refused: not made with this person's token and permit")
		return errors.Join(try.Void(ctx), errRefused)
	}
	left, err := try.Wrong(ctx)
	if err != nil {
		return err
	}
	if s.config.LogDistance {
		if distance, found := session.mpin.PINError(); found {
			log = log.With("distance", distance)
		}
	}
	what := "wrong PIN"
	if !tried {
		what = "the PIN, the token or the permit is wrong"
	}
	log.Warn("a login was refused: "+what, "tries_left", left)
	if left == 0 {
		return &refusal{error: fault.New(fault.Denied, "%s, and no tries are left: locked until the server's operator unlocks it", what), state: authn.Locked, left: &left}
	}
	return &refusal{error: fault.New(fault.Denied, "%s; %s left", what, tries(left)), state: authn.Refused, left: &left}
}

func tries(n int) string {
	if n == 1 {
		return "one try"
	}
	return fmt.Sprintf("%d tries", n)
}

// exchange agrees on a key in M-Pin Full and proves that the server has it.
func (s *Server) exchange(session *session, z *bls.G1) (any, error) {
	w, key, err := session.mpin.Exchange(z)
	if err != nil {
		return nil, fault.New(fault.Invalid, "z: %w", err)
	}
	defer key.Clear()
	session.transcript.W = s.realm.Suite.PointBytes(w)
	if session.keys, err = authn.NewKeys(key, &session.transcript); err != nil {
		return nil, err
	}
	s.sessions.again(session)
	return authn.Outcome{State: authn.Confirm, W: session.transcript.W, Confirm: session.keys.ServerConfirms()}, nil
}

// confirm takes the client's proof that it has the key too.
func (s *Server) confirm(_ *http.Request, text []byte) (any, error) {
	var in authn.Confirmation
	if err := read(text, &in); err != nil {
		return nil, err
	}
	session, err := s.sessions.take(in.Session, true)
	if err != nil {
		return nil, err
	}
	defer session.keys.Clear()
	if !authn.Confirmed(session.keys.ClientConfirms(), in.Confirm) {
		return nil, &refusal{error: fault.New(fault.Denied, "refused: the client's key is another than the server's"), state: authn.Refused}
	}
	s.loggedIn(session)
	return authn.Outcome{State: authn.Accepted}, nil
}

func (s *Server) loggedIn(session *session) {
	full := session.keys != nil
	s.config.Log.Info("logged in", "name", fault.Foreign(session.subject.Name), "enrolment", session.subject.Enrolment, "full", full, "from", session.remote)
	if s.config.LoggedIn == nil {
		return
	}
	login := Login{Name: session.subject.Name, Enrolment: session.subject.Enrolment}
	if full {
		login.Key = session.keys.Session()
	}
	s.config.LoggedIn(login)
}
