package bls

import (
	"bytes"
	"math/big"
	"testing"

	blst "github.com/supranational/blst/bindings/go"
)

// groupOrder is r, 32 bytes big-endian.
func groupOrder(tb testing.TB) []byte {
	return fromHex(tb, "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001")
}

// fieldModulus is p, 48 bytes big-endian.
func fieldModulus(tb testing.TB) []byte {
	return fromHex(tb, "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab")
}

const (
	compressed = 0x80
	infinity   = 0x40
	larger     = 0x20
)

// withX is a compressed encoding whose last bytes are x.
func withX(size int, x byte) []byte {
	b := make([]byte, size)
	b[0], b[size-1] = compressed, x
	return b
}

// offSubgroup finds a point that is on the curve and outside the subgroup, as
// nearly all are: the cofactors have 126 and 508 bits.
func offSubgroup(tb testing.TB, size int) []byte {
	tb.Helper()
	for x := byte(1); x != 0; x++ {
		b := withX(size, x)
		if size == G1Size {
			if p := new(blst.P1Affine).Uncompress(b); p != nil && !p.InG1() {
				return b
			}
		} else if p := new(blst.P2Affine).Uncompress(b); p != nil && !p.InG2() {
			return b
		}
	}
	tb.Fatal("no point found")
	return nil
}

// offCurve finds a coordinate of which the curve has no point.
func offCurve(tb testing.TB, size int) []byte {
	tb.Helper()
	for x := byte(1); x != 0; x++ {
		b := withX(size, x)
		if size == G1Size && new(blst.P1Affine).Uncompress(b) == nil || size == G2Size && new(blst.P2Affine).Uncompress(b) == nil {
			return b
		}
	}
	tb.Fatal("no coordinate found")
	return nil
}

// unreduced encodes a point of the group a second time, its (last) coordinate
// of 48 bytes plus p, which the bits left beside the flags hold for small ones.
func unreduced(tb testing.TB, draw func() []byte) []byte {
	tb.Helper()
	for range 1000 {
		b := draw()
		part, flags := b[len(b)-48:], byte(0)
		if len(b) == 48 {
			flags = part[0] & 0xe0
			part[0] &^= 0xe0
		}
		sum := new(big.Int).Add(new(big.Int).SetBytes(part), new(big.Int).SetBytes(fieldModulus(tb)))
		if len(b) == 96 || sum.BitLen() <= 381 {
			sum.FillBytes(part)
			part[0] |= flags
			return b
		}
	}
	tb.Fatal("no small coordinate found")
	return nil
}

func malformed(tb testing.TB, size int, good func() []byte) map[string][]byte {
	flagged := func(clear, set byte) []byte {
		b := good()
		b[0] = b[0]&^clear | set
		return b
	}
	identity := make([]byte, size)
	identity[0] = compressed | infinity
	with := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] |= v
		return b
	}
	modulus := append(make([]byte, size-48), fieldModulus(tb)...)
	return map[string][]byte{
		"nothing":                          nil,
		"a byte too few":                   good()[1:],
		"a byte too many":                  append(good(), 0),
		"zeros":                            make([]byte, size),
		"ones":                             bytes.Repeat([]byte{0xff}, size),
		"the uncompressed size":            make([]byte, 2*size),
		"the identity":                     identity,
		"the identity with a sign":         with(identity, 0, larger),
		"the identity with a coordinate":   with(identity, size-1, 1),
		"the identity not compressed":      make([]byte, size),
		"a point marked as not compressed": flagged(compressed, 0),
		"a point marked as the identity":   flagged(0, infinity),
		"a point outside the subgroup":     offSubgroup(tb, size),
		"a coordinate off the curve":       offCurve(tb, size),
		"a coordinate of p":                with(modulus, 0, compressed),
		"a coordinate not reduced":         unreduced(tb, good),
	}
}

func malformedG1(tb testing.TB) map[string][]byte {
	return malformed(tb, G1Size, func() []byte { return G1Generator().Mul(RandomScalar()).Bytes() })
}

func malformedG2(tb testing.TB) map[string][]byte {
	return malformed(tb, G2Size, func() []byte { return G2Generator().Mul(RandomScalar()).Bytes() })
}
