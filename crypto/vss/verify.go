package vss

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/milagro-dta/dta/crypto/bls"
)

// ErrBadShare says that a share does not open the commitments. The error that
// matches it is a *BadShareError.
var ErrBadShare = errors.New("share does not match the commitments")

// BadShareError names the shares, in ascending order, that do not open the
// commitments.
type BadShareError struct{ Indices []int }

func (e *BadShareError) Error() string { return fmt.Sprintf("%v: %v", ErrBadShare, e.Indices) }

func (e *BadShareError) Is(target error) bool { return target == ErrBadShare }

// Commitments are t compressed points of G1, C_0 first.
type Commitments [][]byte

func (c Commitments) clone() (all Commitments) {
	for _, point := range c {
		all = append(all, bytes.Clone(point))
	}
	return all
}

func (c Commitments) equal(other Commitments) bool {
	return slices.EqualFunc(c, other, bytes.Equal)
}

// points is Commitments decoded.
type points []*bls.G1

func (c Commitments) parse() (points, error) {
	if len(c) < 1 || len(c) > MaxShares {
		return nil, fmt.Errorf("commitments: expected 1 to %d points, found %d", MaxShares, len(c))
	}
	p := make(points, len(c))
	for j, b := range c {
		g, err := bls.ParseG1(b)
		if err != nil {
			return nil, fmt.Errorf("commitment %d: %w", j, err)
		}
		p[j] = g
	}
	return p, nil
}

// CheckCommitments refuses anything but t elements of G1, canonically encoded
// and none of them the identity.
func CheckCommitments(c Commitments, t int) error {
	if len(c) != t {
		return fmt.Errorf("commitments: expected %d points, found %d", t, len(c))
	}
	_, err := c.parse()
	return err
}

// Verify checks a share against the commitments. A share that does not match is
// a *BadShareError; other errors are the commitments' fault.
//
// It costs two multiplications in G1 and, per commitment, a decoding and a few
// additions.
func Verify(c Commitments, s *Share) error {
	p, err := c.parse()
	if err != nil {
		return err
	}
	if !p.match(s) {
		return &BadShareError{Indices: []int{s.index}}
	}
	return nil
}

// match tells whether s·G + r·H = Σ i^j·C_j.
func (p points) match(s *Share) bool {
	x := uint32(s.index)
	sum := p[len(p)-1]
	for j := len(p) - 2; j >= 0; j-- {
		sum = sum.MulSmall(x).Add(p[j])
	}
	return commit(s.s, s.r).Equal(sum)
}
