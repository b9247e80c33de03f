package bls

import (
	"github.com/milagro-dta/dta/crypto/secret"
	blst "github.com/supranational/blst/bindings/go"
)

// GTSize is the size of a GT's encoding in bytes.
const GTSize = 576

// GT is an element of the target group of the pairing, of order r. Only
// pairings and products of them make one. Unlike elements of G1 and G2 most are
// secret: a GT does not print, and the caller clears it.
type GT struct {
	secret.Hidden
	box secret.Box[blst.Fp12]
}

func newGT(v *blst.Fp12) *GT { return &GT{box: secret.NewBox(v)} }

// open returns the value, zero (which is no element) for the zero GT.
func (g *GT) open() *blst.Fp12 {
	if v := g.box.Open(); v != nil {
		return v
	}
	return new(blst.Fp12)
}

// Pair returns e(p, q), which is one if either is the identity.
func Pair(p *G1, q *G2) *GT { return PairProduct([]*G1{p}, []*G2{q}) }

// PairProduct returns e(ps[0], qs[0]) · e(ps[1], qs[1]) · …, all Miller loops run
// as one, on the calling goroutine. It panics where the lengths differ.
//
// The value is the pairing raised to the power that blst, gnark-crypto, circl
// and Apache Milagro's AMCL agree on.
func PairProduct(ps []*G1, qs []*G2) *GT {
	ctx, empty := millerLoops(ps, qs)
	if empty {
		return oneGT()
	}
	defer clear(ctx)
	v := blst.PairingAsFp12(ctx)
	v.FinalExp()
	return newGT(v)
}

// PairsToOne tells whether the product of the pairings is one. It takes a
// little less time than PairProduct.
func PairsToOne(ps []*G1, qs []*G2) bool {
	ctx, empty := millerLoops(ps, qs)
	defer clear(ctx)
	return empty || blst.PairingFinalVerify(ctx)
}

// millerLoops leaves out the pairs whose pairing is one: blst's loop takes an
// identity for a point like another.
func millerLoops(ps []*G1, qs []*G2) (ctx blst.Pairing, empty bool) {
	if len(ps) != len(qs) {
		panic("bls: pairing of different numbers of points")
	}
	ctx, empty = blst.PairingCtx(true, nil), true
	for i := range ps {
		if ps[i].IsIdentity() || qs[i].IsIdentity() {
			continue
		}
		blst.PairingRawAggregate(ctx, qs[i].p.ToAffine(), ps[i].p.ToAffine())
		empty = false
	}
	if !empty {
		blst.PairingCommit(ctx)
	}
	return ctx, empty
}

func oneGT() *GT {
	one := blst.Fp12One()
	return newGT(&one)
}

// Mul returns g · h.
func (g *GT) Mul(h *GT) *GT {
	v := *g.open()
	v.MulAssign(h.open())
	return newGT(&v)
}

// ExpSmall returns gⁿ in a time that depends on n, which must be public.
func (g *GT) ExpSmall(n uint32) *GT {
	out, square := oneGT(), g
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			out = out.Mul(square)
		}
		square = square.Mul(square)
	}
	return out
}

// Equal tells whether both are the same element, in a time that shows how far
// they agree.
func (g *GT) Equal(h *GT) bool { return g.open().Equals(h.open()) }

// IsOne tells whether g is the neutral element.
func (g *GT) IsOne() bool { return g.Equal(oneGT()) }

// Bytes returns the twelve coordinates of 48 bytes, big-endian, below p: those
// of w⁰, w¹, … w⁵, where w⁶ = 1 + u, each the real part before the imaginary
// one (the coefficient of u). The caller clears what is secret.
func (g *GT) Bytes() []byte { return g.open().ToBendian() }

// Clear overwrites g with zero, which is no element. It may be called again,
// and on nil.
func (g *GT) Clear() {
	if g != nil {
		*g.open() = blst.Fp12{}
	}
}
