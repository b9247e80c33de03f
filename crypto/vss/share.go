package vss

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// ShareSize is the size of a share in bytes: s ‖ r, scalars big-endian. The
// index travels beside it.
const ShareSize = 2 * bls.ScalarSize

// Share is one party's part. It does not print. Clear it after use.
type Share struct {
	secret.Hidden
	index int
	s, r  *bls.Scalar
	opens Commitments // which it is known to open; nil where nobody has looked
}

// ParseShare reads 64 bytes, s ‖ r, and refuses scalars of the group order or
// more and indices outside 1 … MaxShares. Whether the share is a good one is
// for Verify to say. b stays the caller's.
func ParseShare(index int, b *secret.Bytes) (*Share, error) {
	if err := checkIndex(index); err != nil {
		return nil, fmt.Errorf("parse share: %w", err)
	}
	if b.Len() != ShareSize {
		return nil, fmt.Errorf("parse share %d: expected %d bytes, found %d", index, ShareSize, b.Len())
	}
	s, err := bls.ParseScalar(b.Open()[:bls.ScalarSize])
	if err != nil {
		return nil, fmt.Errorf("parse share %d: first %w", index, err)
	}
	r, err := bls.ParseScalar(b.Open()[bls.ScalarSize:])
	if err != nil {
		s.Clear()
		return nil, fmt.Errorf("parse share %d: second %w", index, err)
	}
	return &Share{index: index, s: s, r: r}, nil
}

// Open is ParseShare and Verify in one. Combine does not check again what it gave.
func Open(c Commitments, index int, b *secret.Bytes) (*Share, error) {
	s, err := ParseShare(index, b)
	if err != nil {
		return nil, err
	}
	if err := Verify(c, s); err != nil {
		s.Clear()
		return nil, err
	}
	s.opens = c.clone()
	return s, nil
}

// Bytes returns the 64-byte encoding, which the caller clears.
func (s *Share) Bytes() *secret.Bytes {
	first, second := s.s.Bytes(), s.r.Bytes()
	defer first.Clear()
	defer second.Clear()
	return secret.New(append(append(make([]byte, 0, ShareSize), first.Open()...), second.Open()...))
}

// Clear overwrites the share. It may be called again, and on nil.
func (s *Share) Clear() {
	if s != nil {
		s.s.Clear()
		s.r.Clear()
		s.opens = nil
	}
}

func checkIndex(index int) error {
	if index < 1 || index > MaxShares {
		return fmt.Errorf("expected an index from 1 to %d, found %d", MaxShares, index)
	}
	return nil
}
