// Package bls computes in the groups of BLS12-381 and decodes their elements
// strictly: what secrets are shared with and networks' secrets are made of.
//
// Parsing accepts one encoding per element, the compressed one of ZCash (48 bytes
// for G1 and 96 for G2, flags in the top three bits) for points and 32 bytes
// big-endian below the group order for scalars; points are on the curve, in the
// subgroup of order r and not the identity. Hashing to G1 is RFC 9380.
//
// Operations on a Scalar and multiplications by one take constant time (blst).
package bls

// Sizes in bytes.
const (
	ScalarSize = 32
	G1Size     = 48
	G2Size     = 96
)
