package bls

import (
	"math/big"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

func TestScalarsAreReadCanonically(t *testing.T) {
	order := new(big.Int).SetBytes(groupOrder(t))
	for _, test := range []struct {
		name  string
		value *big.Int
		ok    bool
	}{
		{"zero", big.NewInt(0), true},
		{"one", big.NewInt(1), true},
		{"the order less one", new(big.Int).Sub(order, big.NewInt(1)), true},
		{"the order", order, false},
		{"the order and one", new(big.Int).Add(order, big.NewInt(1)), false},
		{"2^256 - 1", new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), false},
	} {
		b := test.value.FillBytes(make([]byte, 32))
		x, err := ParseScalar(b)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.ok && !x.Bytes().Equal(b) {
			t.Errorf("%s: written differently", test.name)
		}
	}
	for _, n := range []int{0, 31, 33, 48} {
		if _, err := ParseScalar(make([]byte, n)); err == nil {
			t.Errorf("%d bytes are read", n)
		}
	}
}

func TestScalarArithmeticAgreesWithBigIntegers(t *testing.T) {
	order := new(big.Int).SetBytes(groupOrder(t))
	integer := func(x *Scalar) *big.Int { return new(big.Int).SetBytes(x.Bytes().Open()) }
	for range 50 {
		x, y := RandomScalar(), RandomScalar()
		a, b := integer(x), integer(y)
		for name, pair := range map[string][2]*big.Int{
			"sum":        {integer(x.Add(y)), new(big.Int).Add(a, b)},
			"difference": {integer(x.Sub(y)), new(big.Int).Sub(a, b)},
			"product":    {integer(x.Mul(y)), new(big.Int).Mul(a, b)},
			"inverse":    {integer(x.Inverse()), new(big.Int).ModInverse(a, order)},
			"operand":    {integer(x), a},
		} {
			if pair[0].Cmp(pair[1].Mod(pair[1], order)) != 0 {
				t.Errorf("%s of %x and %x: found %x", name, a, b, pair[0])
			}
		}
	}
}

func TestZeroIsAScalarLikeAnother(t *testing.T) {
	zero, x := NewScalar(0), RandomScalar()
	for law, holds := range map[string]bool{
		"x − x = 0":         x.Sub(x).IsZero(),
		"x + 0 = x":         x.Add(zero).Equal(x),
		"0 + x = x":         zero.Add(x).Equal(x),
		"x · 0 = 0":         x.Mul(zero).IsZero(),
		"0 − x + x = 0":     zero.Sub(x).Add(x).IsZero(),
		"the zero value":    new(Scalar).Equal(zero),
		"x ≠ 0":             !x.IsZero(),
		"x = x":             x.Equal(x.Clone()),
		"x ≠ y":             !x.Equal(RandomScalar()),
		"256 is read right": NewScalar(256).Equal(NewScalar(16).Mul(NewScalar(16))),
	} {
		if !holds {
			t.Error(law)
		}
	}
	x.Clear()
	x.Clear()
	(*Scalar)(nil).Clear()
	if !x.IsZero() {
		t.Error("Clear leaves a scalar")
	}
}

func TestScalarsDoNotLeak(t *testing.T) {
	x := RandomScalar()
	secrettest.DoesNotLeak(t, x, x.Bytes().Open())
	secrettest.DoesNotLeak(t, *x, x.Bytes().Open())
}
