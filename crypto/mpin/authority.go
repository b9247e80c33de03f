package mpin

import (
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// ClientShare returns s_i·A for an identity (AMCL's GET_CLIENT_SECRET).
func (s Suite) ClientShare(share *bls.Scalar, id []byte) (*ClientSecret, error) {
	a, err := s.HashIdentity(id)
	if err != nil {
		return nil, fmt.Errorf("client share: %w", err)
	}
	return s.ClientSecretOf(a.Mul(share))
}

// ServerShare returns s_i·Q (AMCL's GET_SERVER_SECRET).
func (s Suite) ServerShare(share *bls.Scalar) (*ServerSecret, error) {
	return s.ServerSecretOf(bls.G2Generator().Mul(share))
}

// PermitShare returns s_i·A_T for an identity and a day (AMCL's
// GET_CLIENT_PERMIT).
func (s Suite) PermitShare(share *bls.Scalar, id []byte, day uint32) (*Permit, error) {
	at, err := s.HashPermit(id, day)
	if err != nil {
		return nil, fmt.Errorf("permit share: %w", err)
	}
	p := &Permit{Day: day, Point: at.Mul(share)}
	return p, given("permit", p.Point)
}

// CombineClient adds shares to the client secret (AMCL's RECOMBINE_G1, for any
// number). It cannot tell whether they are right or all there.
func (s Suite) CombineClient(shares ...*ClientSecret) (*ClientSecret, error) {
	sum := new(bls.G1)
	for _, share := range shares {
		if share.suite != s {
			return nil, fmt.Errorf("combine client secret: %w", ErrMixed)
		}
		part := sum
		sum = part.Add(share.Point())
		part.Clear()
	}
	if err := given("sum of the shares", sum); err != nil {
		return nil, fmt.Errorf("combine client secret: %w", err)
	}
	return &ClientSecret{hide(s, sum)}, nil
}

// CombineServer adds shares to the server secret (AMCL's RECOMBINE_G2).
func (s Suite) CombineServer(shares ...*ServerSecret) (*ServerSecret, error) {
	sum := new(bls.G2)
	for _, share := range shares {
		if share.suite != s {
			return nil, fmt.Errorf("combine server secret: %w", ErrMixed)
		}
		part := sum
		sum = part.Add(share.Point())
		part.Clear()
	}
	if err := given("sum of the shares", sum); err != nil {
		return nil, fmt.Errorf("combine server secret: %w", err)
	}
	return &ServerSecret{suite: s, box: secret.NewBox(sum)}, nil
}

// CombinePermit adds shares of one day to the permit.
func (s Suite) CombinePermit(shares ...*Permit) (*Permit, error) {
	if len(shares) == 0 {
		return nil, errors.New("combine permit: no shares")
	}
	out := &Permit{Day: shares[0].Day, Point: new(bls.G1)}
	for _, share := range shares {
		if share.Day != out.Day {
			return nil, fmt.Errorf("combine permit: %w: expected day %d, found %d", ErrDay, out.Day, share.Day)
		}
		if err := given("share", share.Point); err != nil {
			return nil, fmt.Errorf("combine permit: %w", err)
		}
		out.Point = out.Point.Add(share.Point)
	}
	if err := given("sum of the shares", out.Point); err != nil {
		return nil, fmt.Errorf("combine permit: %w", err)
	}
	return out, nil
}
