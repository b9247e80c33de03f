package mpin

import (
	"encoding/binary"
	"math/bits"

	"github.com/milagro-dta/dta/crypto/bls"
)

// The field arithmetic of this file has one use: the key of M-Pin Full in the suite
// AMCL, for which AMCL hashes a trace, three times a coordinate of the pairing.

// field is an element of the base field, or an integer below 3p < 2^384: six
// words, the lowest first.
type field [6]uint64

// modulus is p.
var modulus = field{
	0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
	0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a,
}

// appendTripled appends 3·c mod p for a coordinate c < p, 48 bytes big-endian,
// in constant time.
func appendTripled(b, c []byte) []byte {
	var x field
	for i := range x {
		x[i] = binary.BigEndian.Uint64(c[bls.FieldSize-8*(i+1):])
	}
	tripled := x.add(&x)
	tripled = tripled.add(&x)
	reduced := tripled.reduce()
	reduced = reduced.reduce()
	for i := range reduced {
		b = binary.BigEndian.AppendUint64(b, reduced[len(reduced)-1-i])
	}
	return b
}

func (x *field) add(y *field) (sum field) {
	var carry uint64
	for i := range sum {
		sum[i], carry = bits.Add64(x[i], y[i], carry)
	}
	return sum
}

// reduce returns x − p, or x where that is negative.
func (x *field) reduce() (out field) {
	var borrow uint64
	for i := range out {
		out[i], borrow = bits.Sub64(x[i], modulus[i], borrow)
	}
	keep := -borrow // All ones where x < p.
	for i := range out {
		out[i] ^= keep & (out[i] ^ x[i])
	}
	return out
}
