package bls

import blst "github.com/supranational/blst/bindings/go"

// Clear overwrites a point that holds a secret. It is then the identity,
// wherever it was shared: its owner calls it, when nobody uses it any more. It may be called again, and on nil.
func (g *G1) Clear() {
	if g != nil {
		g.p = blst.P1{}
	}
}

// Clear overwrites a point that holds a secret, as that of G1 does.
func (g *G2) Clear() {
	if g != nil {
		g.p = blst.P2{}
	}
}
