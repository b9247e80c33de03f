package mpin

import (
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/milagro-dta/dta/crypto/bls"
)

// IdentityOf returns the identity of a subject, the bytes that are hashed into
// G1. Where it cannot, the error is ErrSubject.
//
// In dta-v1 it holds the network (36 bytes, its CID), the name (1 to 256 bytes)
// and the enrolment number, by which a name can be enrolled anew. In amcl-bls381
// it is the name itself (1 to 1024 bytes), as clients of existing networks have
// it, and the number must be 0. Names are UTF-8 without control characters.
func (s Suite) IdentityOf(network []byte, name string, enrolment uint64) ([]byte, error) {
	id, err := s.scheme.identityOf(network, name, enrolment)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSubject, err)
	}
	return id, nil
}

// CheckIdentity tells that id is one that IdentityOf may return; the error is
// ErrSubject.
//
// In amcl-bls381 this is what keeps permits apart from client secrets: AMCL
// hashes both in one way, and the permit of a day is the client secret of the
// "identity" be32(day) ‖ HASH_ID(ID). That holds sixteen bytes of zero, which are
// control characters. In dta-v1 permits have a tag of their own.
func (s Suite) CheckIdentity(id []byte) error {
	if err := s.scheme.checkIdentity(id); err != nil {
		return fmt.Errorf("%w: %w", ErrSubject, err)
	}
	return nil
}

// HashIdentity returns A, which it computes itself: a hash taken from outside
// could be a permit's. The error is ErrSubject.
func (s Suite) HashIdentity(id []byte) (*bls.G1, error) {
	if err := s.CheckIdentity(id); err != nil {
		return nil, err
	}
	return s.scheme.hashIdentity(id), nil
}

// HashPermit returns A_T for the identity and the day, counted from 1970-01-01
// UTC. The error is ErrSubject or ErrDay.
func (s Suite) HashPermit(id []byte, day uint32) (*bls.G1, error) {
	if err := s.CheckIdentity(id); err != nil {
		return nil, err
	}
	if err := checkDay(day); err != nil {
		return nil, err
	}
	return s.scheme.hashPermit(id, day), nil
}

// hashSubject is HashIdentity for the sides that do not issue: it takes
// designated identities too.
func (s Suite) hashSubject(id []byte) (*bls.G1, error) {
	if s.scheme.checkIdentity(id) != nil {
		if err := s.scheme.checkDesignated(id); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSubject, err)
		}
	}
	return s.scheme.hashIdentity(id), nil
}

// bases returns A and, for a day, A + A_T.
func (s Suite) bases(id []byte, day uint32) (a, at *bls.G1, err error) {
	if a, err = s.hashSubject(id); err != nil || day == 0 {
		return a, nil, err
	}
	t, err := s.HashPermit(id, day)
	if err != nil {
		return nil, nil, err
	}
	return a, a.Add(t), nil
}

// checkDay refuses day 0, which means "no permits" in logins, and days that AMCL
// takes for negative.
func checkDay(day uint32) error {
	if day == 0 || day > math.MaxInt32 {
		return fmt.Errorf("%w: %d", ErrDay, day)
	}
	return nil
}

func checkName(name []byte, limit int) error {
	if len(name) == 0 || len(name) > limit {
		return fmt.Errorf("expected a name of 1 to %d bytes, found %d", limit, len(name))
	}
	if !utf8.Valid(name) {
		return fmt.Errorf("the name is not UTF-8")
	}
	for _, r := range string(name) {
		if unicode.IsControl(r) {
			return fmt.Errorf("the name holds the control character %U", r)
		}
	}
	return nil
}
