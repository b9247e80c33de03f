package mpin

import (
	"bytes"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
)

// Commitment is a client's first message: for a random x, U = x·A and, in
// networks with permits, UT = x·(A + A_T).
//
// With permits only UT takes part in the verification, and U in finding the PIN
// error; in dta-v1 Proof shows that both hold the same x. AMCL has no such proof:
// there a thief who tries PINs can hide their distance, see Suite.BindsDistance.
type Commitment struct {
	U, UT *bls.G1
	Proof []byte
}

// CommitmentBytes writes U, or U ‖ UT ‖ Proof.
func (s Suite) CommitmentBytes(c *Commitment) []byte {
	out := s.scheme.g1(c.U)
	if c.UT != nil {
		out = append(append(out, s.scheme.g1(c.UT)...), c.Proof...)
	}
	return out
}

// ParseCommitment reads what CommitmentBytes wrote. The error is ErrPoint.
func (s Suite) ParseCommitment(b []byte) (*Commitment, error) {
	one := len(s.scheme.g1(bls.G1Generator()))
	c := new(Commitment)
	var err error
	switch len(b) {
	case one:
		c.U, err = s.ParsePoint(b)
	case 2*one + s.scheme.bindingSize():
		if c.U, err = s.ParsePoint(b[:one]); err != nil {
			break
		}
		c.UT, err = s.ParsePoint(b[one : 2*one])
		c.Proof = bytes.Clone(b[2*one:])
	default:
		err = fmt.Errorf("%w: expected %d bytes or %d, got %d", ErrPoint, one, 2*one+s.scheme.bindingSize(), len(b))
	}
	if err != nil {
		return nil, fmt.Errorf("commitment: %w", err)
	}
	return c, nil
}

// BindsDistance tells whether every try of a PIN with a genuine token shows its
// distance (Session.PINError). Where it does not, whoever counts wrong PINs must
// count every rejection.
func (s Suite) BindsDistance(permits bool) bool { return !permits || s.scheme.bindingSize() > 0 }

// check looks at a commitment before anything is computed from it.
func (c *Commitment) check(permits bool) error {
	if c == nil {
		return fmt.Errorf("%w: the commitment is missing", ErrPoint)
	}
	if err := given("U", c.U); err != nil {
		return err
	}
	if !permits {
		if c.UT != nil {
			return fmt.Errorf("%w: a commitment to a permit where there are none", ErrDay)
		}
		return nil
	}
	if c.UT == nil {
		return fmt.Errorf("%w: the commitment lacks its part with the permit", ErrDay)
	}
	return given("UT", c.UT)
}

// checkBinding turns the proof's error into a rejection.
func (s Suite) checkBinding(c *Commitment, bases [2]*bls.G1, id []byte, day uint32) error {
	if c.UT == nil {
		return nil
	}
	if err := s.scheme.checkBinding(c, bases, id, day); err != nil {
		return fmt.Errorf("%w: commitment: %w", ErrRejected, err)
	}
	return nil
}
