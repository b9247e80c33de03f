package vss

import (
	"errors"
	"fmt"
	"slices"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// ErrTooFew says that there are fewer shares than the threshold.
var ErrTooFew = errors.New("too few shares")

// Combine restores the seed, 32 bytes, from at least as many shares as there
// are commitments. Every share is verified, here or by Open: where some are bad
// the error is a *BadShareError that names all of them, and there is no seed even
// if enough good ones remain. The caller sets the bad ones aside and calls again.
// The shares stay the caller's, who clears them and the seed.
func Combine(c Commitments, shares []*Share) (*secret.Bytes, error) {
	indices := make([]int, len(shares))
	for k, s := range shares {
		if slices.Contains(indices[:k], s.index) {
			return nil, fmt.Errorf("combine: share %d is given twice", s.index)
		}
		indices[k] = s.index
	}
	if err := c.verify(shares); err != nil {
		return nil, fmt.Errorf("combine: %w", err)
	}
	if len(shares) < len(c) {
		return nil, fmt.Errorf("combine: %w: expected %d, found %d", ErrTooFew, len(c), len(shares))
	}
	return interpolate(shares[:len(c)], indices[:len(c)]), nil
}

// verify checks the shares that are not known to open these commitments.
func (c Commitments) verify(shares []*Share) error {
	unknown := slices.DeleteFunc(slices.Clone(shares), func(s *Share) bool { return s.opens != nil && c.equal(s.opens) })
	if len(unknown) == 0 && len(shares) > 0 {
		return nil
	}
	p, err := c.parse()
	if err != nil {
		return err
	}
	var bad []int
	for _, s := range unknown {
		if !p.match(s) {
			bad = append(bad, s.index)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	slices.Sort(bad)
	return &BadShareError{Indices: bad}
}

// interpolate returns the value at zero of the polynomial through the shares.
func interpolate(shares []*Share, indices []int) *secret.Bytes {
	sum := new(bls.Scalar)
	for k, s := range shares {
		term := s.s.Mul(lagrange(indices, k))
		next := sum.Add(term)
		term.Clear()
		sum.Clear()
		sum = next
	}
	defer sum.Clear()
	return sum.Bytes()
}
