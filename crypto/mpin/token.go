package mpin

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// PINs is how many PINs there are: 0 … PINs − 1.
const PINs = 10000

// ExtractPIN makes the token of a client secret: secret − PIN·A (AMCL's
// EXTRACT_PIN). The identity may be a designated one. The error is ErrPIN,
// ErrSubject or ErrMixed.
func (s Suite) ExtractPIN(secret *ClientSecret, id []byte, pin int) (*Token, error) {
	alpha, err := pinScalar(pin)
	if err != nil {
		return nil, fmt.Errorf("extract PIN: %w", err)
	}
	defer alpha.Clear()
	p, err := s.addMultiple(&secret.hiddenG1, id, alpha, (*bls.G1).Sub)
	if err != nil {
		return nil, fmt.Errorf("extract PIN: %w", err)
	}
	return &Token{hide(s, p)}, nil
}

// ChangePIN makes the token of another PIN: token + old·A − new·A. It cannot
// tell whether old is right; if it is not, the new token's PIN is off by as
// much.
func (s Suite) ChangePIN(token *Token, id []byte, old, new int) (*Token, error) {
	alpha, err := pinScalar(old)
	if err != nil {
		return nil, fmt.Errorf("change PIN: %w", err)
	}
	defer alpha.Clear()
	beta, err := pinScalar(new)
	if err != nil {
		return nil, fmt.Errorf("change PIN: %w", err)
	}
	defer beta.Clear()
	difference := alpha.Sub(beta)
	defer difference.Clear()
	p, err := s.addMultiple(&token.hiddenG1, id, difference, (*bls.G1).Add)
	if err != nil {
		return nil, fmt.Errorf("change PIN: %w", err)
	}
	return &Token{hide(s, p)}, nil
}

// ExtractFactor takes a further factor out of a token, which is then of no use
// until RestoreFactor has put it back (AMCL's functions of these names). Factors
// commute with one another and with the PIN. In dta-v1 a factor is any bytes but
// none; in amcl-bls381 it is a number below 2^31, one to four bytes big-endian.
// The error is ErrFactor, ErrSubject or ErrMixed.
func (s Suite) ExtractFactor(token *Token, id []byte, factor *secret.Bytes) (*Token, error) {
	t, err := s.moveFactor(token, id, factor, (*bls.G1).Sub)
	if err != nil {
		return nil, fmt.Errorf("extract factor: %w", err)
	}
	return t, nil
}

// RestoreFactor puts back what ExtractFactor took.
func (s Suite) RestoreFactor(token *Token, id []byte, factor *secret.Bytes) (*Token, error) {
	t, err := s.moveFactor(token, id, factor, (*bls.G1).Add)
	if err != nil {
		return nil, fmt.Errorf("restore factor: %w", err)
	}
	return t, nil
}

func (s Suite) moveFactor(token *Token, id []byte, factor *secret.Bytes, op func(p, q *bls.G1) *bls.G1) (*Token, error) {
	k, err := s.scheme.factor(factor)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFactor, err)
	}
	defer k.Clear()
	p, err := s.addMultiple(&token.hiddenG1, id, k, op)
	if err != nil {
		return nil, err
	}
	return &Token{hide(s, p)}, nil
}

// addMultiple returns h + k·A or h − k·A for an identity.
func (s Suite) addMultiple(h *hiddenG1, id []byte, k *bls.Scalar, op func(p, q *bls.G1) *bls.G1) (*bls.G1, error) {
	a, err := s.hashSubject(id)
	if err != nil {
		return nil, err
	}
	return s.addMultipleOf(a, h, k, op)
}

// addMultipleOf is addMultiple for A. Where the result is the identity, which
// nobody meets by chance, there is no token.
func (s Suite) addMultipleOf(a *bls.G1, h *hiddenG1, k *bls.Scalar, op func(p, q *bls.G1) *bls.G1) (*bls.G1, error) {
	if h.suite != s {
		return nil, ErrMixed
	}
	multiple := a.Mul(k)
	defer multiple.Clear()
	p := op(h.Point(), multiple)
	return p, given("token", p)
}

func pinScalar(pin int) (*bls.Scalar, error) {
	if pin < 0 || pin >= PINs {
		return nil, ErrPIN
	}
	return bls.NewScalar(uint64(pin)), nil
}
