package mpin

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Server verifies logins with a server secret. It may be used by many
// goroutines; its Sessions are for one each.
type Server struct {
	secret.Hidden
	suite Suite
	box   secret.Box[bls.G2] // s·Q
}

// NewServer takes a copy of the secret.
func (s Suite) NewServer(ss *ServerSecret) (*Server, error) {
	if ss.suite != s {
		return nil, fmt.Errorf("new server: %w", ErrMixed)
	}
	if err := given("server secret", ss.Point()); err != nil {
		return nil, fmt.Errorf("new server: %w", err)
	}
	return &Server{suite: s, box: secret.NewBox(ss.Point().Clone())}, nil
}

// Clear overwrites the secret. Nothing verifies any more. It may be called
// again, and on nil.
func (v *Server) Clear() {
	if v != nil {
		v.box.Open().Clear()
	}
}

// Claim is what a client says and what the server demands of it.
type Claim struct {
	// Identity is that of the name that logs in, from IdentityOf: made by the
	// server, of what it knows of its network.
	Identity []byte
	// Day is the day that a permit must be for, by the server's clock; 0 in a
	// network without permits.
	Day uint32
	// Commitment is the client's, parsed.
	Commitment *Commitment
	// Designated is the client's public key in logins for designated verifiers,
	// which go without permits; nil otherwise. The server must know that it is
	// this client's: whoever has s·Q can sign with a public key of its choice.
	Designated *bls.G2
}

// Session is the server's side of one login. It holds no secret of its own.
type Session struct {
	server     *Server
	transcript transcript
	a, base    *bls.G1 // A, and A + A_T where there are permits, A again where not
	generator  *bls.G2 // Q, or the designated key
	verdict    error   // nil once accepted
	verified   bool
	keyed      bool
}

// Begin checks a claim and sets a random challenge. The errors are ErrSubject,
// ErrDay, ErrPoint and, for a commitment whose proof is wrong, ErrRejected.
func (v *Server) Begin(c Claim) (*Session, error) {
	s, err := v.begin(c)
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	s.transcript.y = bls.RandomScalar()
	return s, nil
}

func (v *Server) begin(c Claim) (*Session, error) {
	if err := c.Commitment.check(c.Day != 0); err != nil {
		return nil, err
	}
	if err := v.suite.CheckIdentity(c.Identity); err != nil {
		return nil, err
	}
	id, generator := c.Identity, bls.G2Generator()
	if c.Designated != nil {
		if c.Day != 0 {
			return nil, fmt.Errorf("%w: logins for designated verifiers have no permits", ErrDay)
		}
		if err := given("public key", c.Designated); err != nil {
			return nil, err
		}
		id, generator = v.suite.scheme.designate(id, c.Designated), c.Designated
	}
	a, at, err := v.suite.bases(id, c.Day)
	if err != nil {
		return nil, err
	}
	if err := v.suite.checkBinding(c.Commitment, [2]*bls.G1{a, at}, id, c.Day); err != nil {
		return nil, err
	}
	s := &Session{
		server: v, a: a, base: a, generator: generator, verdict: ErrUsed,
		transcript: transcript{id: append([]byte(nil), id...), day: c.Day, commitment: c.Commitment},
	}
	if at != nil {
		s.base = at
	}
	return s, nil
}

// Challenge is y in the suite's encoding, to be sent after the commitment was
// received.
func (s *Session) Challenge() []byte { return s.server.suite.scheme.scalar(s.transcript.y) }

// Verify tells whether the answer V to the challenge is that of the identity
// (AMCL's SERVER_2): e(V, Q)·e(U + y·A, s·Q) = 1, with UT and A + A_T where there
// are permits. The errors are ErrRejected, ErrPoint and, the second time,
// ErrUsed.
func (s *Session) Verify(v *bls.G1) error {
	if s.verified {
		return fmt.Errorf("verify login: %w", ErrUsed)
	}
	s.verified = true
	if s.verdict = given("V", v); s.verdict != nil {
		return fmt.Errorf("verify login: %w", s.verdict)
	}
	s.transcript.v = v
	if !bls.PairsToOne(s.pairs()) {
		s.verdict = ErrRejected
	}
	return s.verdict
}

// pairs are the points whose pairings' product is one for who belongs here.
func (s *Session) pairs() ([]*bls.G1, []*bls.G2) {
	u := s.transcript.commitment.counting()
	return []*bls.G1{s.transcript.v, u.Add(s.base.Mul(s.transcript.y))}, []*bls.G2{s.generator, s.server.box.Open()}
}
