package bls

import (
	"bytes"

	blst "github.com/supranational/blst/bindings/go"
)

// cofactor is that of G1, h = (z − 1)²/3 = 0x396c8c005555e1568c00aaab0000aaab,
// little-endian. RFC 9380's h_eff for this curve is another, smaller number
// that has the same effect up to a factor.
var cofactor = []byte{
	0xab, 0xaa, 0x00, 0x00, 0xab, 0xaa, 0x00, 0x8c,
	0x56, 0xe1, 0x55, 0x55, 0x00, 0x8c, 0x6c, 0x39,
}

// LiftX takes the point of the whole curve with coordinate x, 48 bytes
// big-endian, whose y is odd or even as asked for, and returns that point times
// the full cofactor of G1, which is in the group. It returns nil where there is
// no such point, where x is not below p, and where the product is the identity.
//
// Its time depends on x, which must be public.
func LiftX(x []byte, odd bool) *G1 {
	if len(x) != FieldSize || x[0]>>5 != 0 {
		return nil
	}
	compressed := bytes.Clone(x)
	compressed[0] |= 0x80
	var a blst.P1Affine
	if a.Uncompress(compressed) == nil {
		return nil
	}
	var p blst.P1
	p.FromAffine(&a)
	// Odd and larger are different properties: take either root, and the other.
	if y := a.Serialize()[2*FieldSize-1]; y&1 == 1 != odd {
		var zero blst.P1
		p = *zero.Sub(&p)
	}
	// Fewer than 176 bits: blst's way that is right outside the group too.
	g := &G1{p: *p.Mult(cofactor, 126)}
	if g.IsIdentity() {
		return nil
	}
	return g
}
