package mpin

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// ClientSecret is s·A for an identity's A, or a share s_i·A of it. Whoever holds
// it logs in as that identity, without a PIN.
type ClientSecret struct{ hiddenG1 }

// Token is a client secret less PIN·A, which is what a client stores. Together
// with the server secret it gives the PIN away (10,000 tries); alone, or with
// anything that clients, logs or all but one of the authorities hold, it does
// not.
type Token struct{ hiddenG1 }

// ServerSecret is s·Q, or a share s_i·Q of it. It verifies logins. It is a
// secret: with a stolen token it gives the PIN away.
type ServerSecret struct {
	secret.Hidden
	suite Suite
	box   secret.Box[bls.G2]
}

// hiddenG1 is a secret point of G1. It does not print.
type hiddenG1 struct {
	secret.Hidden
	suite Suite
	box   secret.Box[bls.G1]
}

func hide(s Suite, p *bls.G1) hiddenG1 { return hiddenG1{suite: s, box: secret.NewBox(p)} }

// Point opens the secret: not a copy, and the identity after Clear.
func (h *hiddenG1) Point() *bls.G1 {
	if p := h.box.Open(); p != nil {
		return p
	}
	return new(bls.G1)
}

// Bytes is the suite's encoding, which the caller clears.
func (h *hiddenG1) Bytes() *secret.Bytes { return secret.New(h.suite.scheme.g1(h.Point())) }

// Clear overwrites the secret. It may be called again, and on nil.
func (c *ClientSecret) Clear() {
	if c != nil {
		c.box.Open().Clear()
	}
}

// Clear overwrites the token. It may be called again, and on nil.
func (t *Token) Clear() {
	if t != nil {
		t.box.Open().Clear()
	}
}

// Point opens the secret: not a copy, and the identity after Clear.
func (s *ServerSecret) Point() *bls.G2 {
	if p := s.box.Open(); p != nil {
		return p
	}
	return new(bls.G2)
}

// Bytes is the suite's encoding, which the caller clears.
func (s *ServerSecret) Bytes() *secret.Bytes { return secret.New(s.suite.scheme.g2(s.Point())) }

// Clear overwrites the secret. It may be called again, and on nil.
func (s *ServerSecret) Clear() {
	if s != nil {
		s.box.Open().Clear()
	}
}

// ClientSecretOf takes a point that came in another encoding for a client secret
// or a share of one, and owns it from then on.
func (s Suite) ClientSecretOf(p *bls.G1) (*ClientSecret, error) {
	if err := given("client secret", p); err != nil {
		return nil, err
	}
	return &ClientSecret{hide(s, p)}, nil
}

// ServerSecretOf does for a server secret what ClientSecretOf does.
func (s Suite) ServerSecretOf(p *bls.G2) (*ServerSecret, error) {
	if err := given("server secret", p); err != nil {
		return nil, err
	}
	return &ServerSecret{suite: s, box: secret.NewBox(p)}, nil
}

// ParseClientSecret reads a client secret or a share of one. b stays the
// caller's, here and below; the error is ErrPoint.
func (s Suite) ParseClientSecret(b *secret.Bytes) (*ClientSecret, error) {
	p, err := s.scheme.parseG1(b.Open())
	if err != nil {
		return nil, fmt.Errorf("client secret: %w: %w", ErrPoint, err)
	}
	return &ClientSecret{hide(s, p)}, nil
}

// ParseToken reads a token.
func (s Suite) ParseToken(b *secret.Bytes) (*Token, error) {
	p, err := s.scheme.parseG1(b.Open())
	if err != nil {
		return nil, fmt.Errorf("token: %w: %w", ErrPoint, err)
	}
	return &Token{hide(s, p)}, nil
}

// ParseServerSecret reads a server secret or a share of one.
func (s Suite) ParseServerSecret(b *secret.Bytes) (*ServerSecret, error) {
	p, err := s.scheme.parseG2(b.Open())
	if err != nil {
		return nil, fmt.Errorf("server secret: %w: %w", ErrPoint, err)
	}
	return &ServerSecret{suite: s, box: secret.NewBox(p)}, nil
}

// Permit is a time permit s·A_T for one identity and day, or a share s_i·A_T. It
// is of use to that identity alone, so that it may be public.
type Permit struct {
	Day   uint32 // since 1970-01-01 UTC
	Point *bls.G1
}

// ParsePermit reads the permit of that day, in the encoding of ParsePoint, which
// PointBytes writes.
func (s Suite) ParsePermit(day uint32, b []byte) (*Permit, error) {
	if err := checkDay(day); err != nil {
		return nil, err
	}
	p, err := s.ParsePoint(b)
	if err != nil {
		return nil, fmt.Errorf("permit: %w", err)
	}
	return &Permit{Day: day, Point: p}, nil
}
