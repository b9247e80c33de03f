package bls

import (
	"bytes"
	"fmt"

	blst "github.com/supranational/blst/bindings/go"
)

// FieldSize is the size of a coordinate in bytes; the field's characteristic p
// has 381 bits.
const FieldSize = 48

// ParseG1Coordinates reads a point's two coordinates, 48 bytes big-endian each,
// from which other encodings are put together. It checks all that ParseG1 does:
// coordinates below p, a point on the curve, in the subgroup, not the identity.
func ParseG1Coordinates(x, y []byte) (*G1, error) {
	a, err := deserialize[blst.P1Affine](x, y)
	if err != nil {
		return nil, fmt.Errorf("parse G1: %w", err)
	}
	g := new(G1)
	g.p.FromAffine(a)
	return g, nil
}

// Coordinates returns x and y, 48 bytes big-endian each. The identity has none:
// both are zero.
func (g *G1) Coordinates() (x, y []byte) {
	b := g.p.Serialize()
	b[0] &= 0x1f // The flag by which blst marks the identity.
	return b[:FieldSize:FieldSize], b[FieldSize:]
}

// ParseG2Coordinates reads a point's coordinates x = x0 + x1·u and y = y0 + y1·u,
// 48 bytes big-endian each, with the checks of ParseG2.
func ParseG2Coordinates(x0, x1, y0, y1 []byte) (*G2, error) {
	// ZCash's order, which blst follows, has the imaginary part first.
	a, err := deserialize[blst.P2Affine](x1, x0, y1, y0)
	if err != nil {
		return nil, fmt.Errorf("parse G2: %w", err)
	}
	g := new(G2)
	g.p.FromAffine(a)
	return g, nil
}

// Coordinates returns x0, x1, y0 and y1 of ParseG2Coordinates, all zero for the
// identity.
func (g *G2) Coordinates() (x0, x1, y0, y1 []byte) {
	b := g.p.Serialize()
	b[0] &= 0x1f
	part := func(i int) []byte { return b[i*FieldSize : (i+1)*FieldSize : (i+1)*FieldSize] }
	return part(1), part(0), part(3), part(2)
}

// affine is what blst's two kinds of points have in common.
type affine[A any] interface {
	*A
	Deserialize([]byte) *A
}

func deserialize[A blst.P1Affine | blst.P2Affine, P affine[A]](parts ...[]byte) (*A, error) {
	for _, part := range parts {
		// blst keeps flags in the three top bits of the first byte and takes the
		// compressed form and the identity by them. p leaves these bits free.
		if len(part) != FieldSize || part[0]>>5 != 0 {
			return nil, errEncoding
		}
	}
	a := new(A)
	if P(a).Deserialize(bytes.Join(parts, nil)) == nil {
		return nil, errEncoding
	}
	switch a := any(a).(type) {
	case *blst.P1Affine:
		if *a == (blst.P1Affine{}) {
			return nil, errIdentity
		}
		if !a.InG1() {
			return nil, errSubgroup
		}
	case *blst.P2Affine:
		if *a == (blst.P2Affine{}) {
			return nil, errIdentity
		}
		if !a.InG2() {
			return nil, errSubgroup
		}
	}
	return a, nil
}
