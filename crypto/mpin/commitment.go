package mpin

import (
	"bytes"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
)

// Commitment is a client's first message: for a random x, U = x·A and, in
// networks with permits, UT = x·(A + A_T).
//
// In dta-v1 Proof shows that the client knows x, and that U and UT hold the same.
// AMCL has no such proof, and so a thief who tries PINs can hide their distance: by
// a U that is not in UT, for U takes part only in finding the distance; or, enrolled
// in the network himself, by a multiple of his own identity in U and of his own
// client secret in V. See Suite.BindsDistance.
type Commitment struct {
	U, UT *bls.G1
	Proof []byte
}

// CommitmentBytes writes U ‖ Proof, or U ‖ UT ‖ Proof.
func (s Suite) CommitmentBytes(c *Commitment) []byte {
	out := s.scheme.g1(c.U)
	if c.UT != nil {
		out = append(out, s.scheme.g1(c.UT)...)
	}
	return append(out, c.Proof...)
}

// ParseCommitment reads what CommitmentBytes wrote. The error is ErrPoint.
func (s Suite) ParseCommitment(b []byte) (*Commitment, error) {
	one, proof := len(s.scheme.g1(bls.G1Generator())), s.scheme.bindingSize()
	if len(b) != one+proof && len(b) != 2*one+proof {
		return nil, fmt.Errorf("commitment: %w: expected %d bytes or %d, found %d", ErrPoint, one+proof, 2*one+proof, len(b))
	}
	c := &Commitment{Proof: bytes.Clone(b[len(b)-proof:])}
	points := b[:len(b)-proof]
	var err error
	if c.U, err = s.ParsePoint(points[:one]); err == nil && len(points) > one {
		c.UT, err = s.ParsePoint(points[one:])
	}
	if err != nil {
		return nil, fmt.Errorf("commitment: %w", err)
	}
	return c, nil
}

// counting is the point that counts in every equation but the one that finds a
// PIN's distance: UT where there are permits, U otherwise.
func (c *Commitment) counting() *bls.G1 {
	if c.UT != nil {
		return c.UT
	}
	return c.U
}

// BindsDistance tells whether every try of a PIN with a genuine token shows that it
// is one (Session.TriedPIN). Where it does not, whoever counts wrong PINs must count
// every rejection.
func (s Suite) BindsDistance() bool { return s.scheme.bindingSize() > 0 }

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
	if err := s.scheme.checkBinding(c, bases, id, day); err != nil {
		return fmt.Errorf("%w: commitment: %w", ErrRejected, err)
	}
	return nil
}
