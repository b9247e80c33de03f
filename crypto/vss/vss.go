// Package vss shares a seed verifiably: any t of n shares give it back, fewer
// say nothing about it, and a false share is recognised by whoever holds the
// commitments.
//
// It is Pedersen's scheme (CRYPTO '91) over G1 of BLS12-381. The dealer chooses
// two polynomials of degree t−1 over the scalars, f with f(0) = seed and a
// random g. Share i, 1 ≤ i ≤ n, is (f(i), g(i)); the commitments are
//
//	C_j = f_j·G + g_j·H,  0 ≤ j < t
//
// and share (s, r) number i is good where s·G + r·H = Σ i^j·C_j. H is hashed to
// the curve, so that nobody knows its discrete logarithm to G. Commitments hide
// perfectly: they may stay public for ever, whatever becomes of discrete
// logarithms. That they bind rests on them, but has to hold only until the
// shares are dealt and checked.
//
// One of one is the same scheme with constant polynomials.
package vss

import (
	"errors"
	"fmt"
	"sync"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// MaxShares bounds n, and with it t and every index.
const MaxShares = 32

// NewSeed returns a random scalar other than zero, 32 bytes big-endian.
func NewSeed() *secret.Bytes {
	x := bls.RandomScalar()
	defer x.Clear()
	return x.Bytes()
}

// secondGenerator is H. Its tag belongs to this use alone.
var secondGenerator = sync.OnceValue(func() *bls.G1 {
	return bls.HashToG1([]byte("second generator"), "DTA-V1-VSS-BLS12381G1_XMD:SHA-256_SSWU_RO_")
})

// commit returns s·G + r·H.
func commit(s, r *bls.Scalar) *bls.G1 {
	return bls.G1Generator().Mul(s).Add(secondGenerator().Mul(r))
}

// Deal splits a seed into n shares of which any t restore it, 1 ≤ t ≤ n ≤
// MaxShares. The shares come in the order of their indices, from 1. The seed
// stays the caller's, who clears it and the shares.
func Deal(seed *secret.Bytes, t, n int) (Commitments, []*Share, error) {
	if t < 1 || t > n || n > MaxShares {
		return nil, nil, fmt.Errorf("deal %d of %d: expected 1 ≤ t ≤ n ≤ %d", t, n, MaxShares)
	}
	free, err := bls.ParseScalar(seed.Open())
	if err != nil {
		return nil, nil, fmt.Errorf("deal: seed: %w", err)
	}
	if free.IsZero() {
		return nil, nil, errors.New("deal: seed is zero")
	}
	f, g := newPolynomial(free, t), newPolynomial(bls.RandomScalar(), t)
	defer f.clear()
	defer g.clear()

	c := make(Commitments, t)
	for j := range c {
		c[j] = commit(f[j], g[j]).Bytes()
	}
	shares := make([]*Share, n)
	for i := range shares {
		shares[i] = &Share{index: i + 1, s: f.at(i + 1), r: g.at(i + 1)}
	}
	return c, shares, nil
}
