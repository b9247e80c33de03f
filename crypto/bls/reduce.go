package bls

import (
	"fmt"

	blst "github.com/supranational/blst/bindings/go"
)

// ReduceScalar returns the integer b, big-endian, 32 to 64 bytes, modulo r. Of
// 48 random bytes or more it makes a scalar within 2^-129 of uniform (RFC 9380
// §5.1); of fewer it does not. b stays the caller's.
func ReduceScalar(b []byte) (*Scalar, error) {
	if len(b) < ScalarSize || len(b) > 64 {
		return nil, fmt.Errorf("scalar: expected %d to 64 bytes, found %d", ScalarSize, len(b))
	}
	s := new(blst.Scalar)
	s.FromBEndian(b) // Its result only says whether the scalar is zero.
	return newScalar(s), nil
}

// HashToScalar is hash_to_field of RFC 9380 §5.2 with expand_message_xmd and
// SHA-256, L = 48, for one element modulo r: a hash for public transcripts.
func HashToScalar(msg []byte, dst string) *Scalar {
	if s := blst.HashToScalar(msg, []byte(dst)); s != nil { // nil for zero
		return newScalar(s)
	}
	return new(Scalar)
}
