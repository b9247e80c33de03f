package bls

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/secret"
	blst "github.com/supranational/blst/bindings/go"
)

// G2 is an element of the group G2, as G1 is of its own.
type G2 struct {
	secret.Hidden
	p blst.P2
}

// ParseG2 reads 96 bytes, compressed, and refuses the identity.
func ParseG2(b []byte) (*G2, error) {
	var a blst.P2Affine
	if err := parseG2(&a, b); err != nil {
		return nil, fmt.Errorf("parse G2: %w", err)
	}
	g := new(G2)
	g.p.FromAffine(&a)
	return g, nil
}

func parseG2(a *blst.P2Affine, b []byte) error {
	if len(b) != G2Size {
		return fmt.Errorf("expected %d bytes, found %d", G2Size, len(b))
	}
	if a.Uncompress(b) == nil {
		return errEncoding
	}
	if *a == (blst.P2Affine{}) {
		return errIdentity
	}
	if !a.InG2() {
		return errSubgroup
	}
	return nil
}

// G2Generator returns the group's standard generator.
func G2Generator() *G2 { return &G2{p: *blst.P2Generator()} }

// Bytes returns the 96-byte encoding.
func (g *G2) Bytes() []byte { return g.p.Compress() }

// Clone returns a copy, for an owner of its own.
func (g *G2) Clone() *G2 { return &G2{p: g.p} }

// Mul returns x·g, in constant time.
func (g *G2) Mul(x *Scalar) *G2 { return &G2{p: *g.p.Mult(x.open())} }

// Add returns g + h.
func (g *G2) Add(h *G2) *G2 { return &G2{p: *g.p.Add(&h.p)} }

// Sub returns g − h.
func (g *G2) Sub(h *G2) *G2 { return &G2{p: *g.p.Sub(&h.p)} }

// Equal tells whether both are the same element.
func (g *G2) Equal(h *G2) bool { return g.p.Equals(&h.p) }

// IsIdentity tells whether g is the neutral element.
func (g *G2) IsIdentity() bool { return g.Equal(new(G2)) }
