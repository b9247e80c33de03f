package bls

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/milagro-dta/dta/crypto/secret"
	blst "github.com/supranational/blst/bindings/go"
)

var (
	errEncoding = errors.New("not the canonical encoding of a point on the curve")
	errSubgroup = errors.New("point is not in the subgroup")
	errIdentity = errors.New("point is the identity")
)

// G1 is an element of the group G1. It may be shared: nothing changes it but
// Clear, which the owner of a secret point calls. Since some are secret it does
// not print, with no verb.
type G1 struct {
	secret.Hidden
	p blst.P1
}

// ParseG1 reads 48 bytes, compressed, and refuses the identity.
func ParseG1(b []byte) (*G1, error) {
	var a blst.P1Affine
	if err := parseG1(&a, b); err != nil {
		return nil, fmt.Errorf("parse G1: %w", err)
	}
	g := new(G1)
	g.p.FromAffine(&a)
	return g, nil
}

func parseG1(a *blst.P1Affine, b []byte) error {
	if len(b) != G1Size {
		return fmt.Errorf("expected %d bytes, found %d", G1Size, len(b))
	}
	if a.Uncompress(b) == nil {
		return errEncoding
	}
	if *a == (blst.P1Affine{}) {
		return errIdentity
	}
	if !a.InG1() {
		return errSubgroup
	}
	return nil
}

// G1Generator returns the group's standard generator.
func G1Generator() *G1 { return &G1{p: *blst.P1Generator()} }

// HashToG1 is the suite BLS12381G1_XMD:SHA-256_SSWU_RO_ of RFC 9380. Nobody
// knows the discrete logarithm of its result.
func HashToG1(msg []byte, dst string) *G1 {
	return &G1{p: *blst.HashToG1(msg, []byte(dst))}
}

// Bytes returns the 48-byte encoding.
func (g *G1) Bytes() []byte { return g.p.Compress() }

// Clone returns a copy, for an owner of its own.
func (g *G1) Clone() *G1 { return &G1{p: g.p} }

// Mul returns x·g, in constant time.
func (g *G1) Mul(x *Scalar) *G1 { return &G1{p: *g.p.Mult(x.open())} }

// MulSmall returns n·g in a time that depends on n, which must be public. For
// numbers of a few bits it is far cheaper than Mul.
func (g *G1) MulSmall(n uint32) *G1 {
	out := new(G1)
	for i := bits.Len32(n) - 1; i >= 0; i-- {
		out.p.AddAssign(&out.p)
		if n>>i&1 == 1 {
			out.p.AddAssign(&g.p)
		}
	}
	return out
}

// Add returns g + h.
func (g *G1) Add(h *G1) *G1 { return &G1{p: *g.p.Add(&h.p)} }

// Sub returns g − h.
func (g *G1) Sub(h *G1) *G1 { return &G1{p: *g.p.Sub(&h.p)} }

// Equal tells whether both are the same element.
func (g *G1) Equal(h *G1) bool { return g.p.Equals(&h.p) }

// IsIdentity tells whether g is the neutral element.
func (g *G1) IsIdentity() bool { return g.Equal(new(G1)) }
