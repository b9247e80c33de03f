package vss

import "github.com/milagro-dta/dta/crypto/bls"

// polynomial holds secret coefficients, the constant one first.
type polynomial []*bls.Scalar

// newPolynomial takes ownership of the constant and chooses t−1 coefficients.
func newPolynomial(constant *bls.Scalar, t int) polynomial {
	p := polynomial{constant}
	for len(p) < t {
		p = append(p, bls.RandomScalar())
	}
	return p
}

// at evaluates by Horner's rule at a public index.
func (p polynomial) at(index int) *bls.Scalar {
	x := bls.NewScalar(uint64(index))
	sum := p[len(p)-1].Clone()
	for j := len(p) - 2; j >= 0; j-- {
		product := sum.Mul(x)
		sum.Clear()
		sum = product.Add(p[j])
		product.Clear()
	}
	return sum
}

func (p polynomial) clear() {
	for _, a := range p {
		a.Clear()
	}
}

// lagrange returns the coefficient with which the share at index i = indices[at]
// enters the value at zero: Π j/(j − i) over the other indices j. Indices are
// public and distinct.
func lagrange(indices []int, at int) *bls.Scalar {
	own := bls.NewScalar(uint64(indices[at]))
	numerator, denominator := bls.NewScalar(1), bls.NewScalar(1)
	for k, index := range indices {
		if k != at {
			other := bls.NewScalar(uint64(index))
			numerator = numerator.Mul(other)
			denominator = denominator.Mul(other.Sub(own))
		}
	}
	return numerator.Mul(denominator.Inverse())
}
