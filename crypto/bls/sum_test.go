package bls

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"testing"
)

// coefficient is c as a scalar.
func coefficient(tb testing.TB, c [CoefficientSize]byte) *Scalar {
	var b [ScalarSize]byte
	for i, v := range c {
		b[ScalarSize-1-i] = v
	}
	x, err := ParseScalar(b[:])
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func TestASumOfProductsIsOne(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 30, 31, 32, 33, 64, 300} {
		var points []*G1
		var cs [][CoefficientSize]byte
		want := new(G1)
		for i := range n {
			p := randomG1()
			var c [CoefficientSize]byte
			rand.Read(c[:])
			switch {
			case i%7 == 3:
				c = [CoefficientSize]byte{}
			case i%7 == 4:
				copy(c[:], bytes.Repeat([]byte{0xff}, CoefficientSize))
			case i%7 == 5:
				p = new(G1)
			case i%7 == 6:
				p = points[0]
			}
			points, cs = append(points, p), append(cs, c)
			want = want.Add(p.Mul(coefficient(t, c)))
		}
		if got := SumOfProducts(points, cs); !got.Equal(want) {
			t.Errorf("%d points: expected %x, found %x", n, want.Bytes(), got.Bytes())
		}
	}
	if got := SumOfProducts([]*G1{new(G1), new(G1)}, make([][CoefficientSize]byte, 2)); !got.IsIdentity() {
		t.Errorf("identities add up to %x", got.Bytes())
	}
}

func TestManyPointsAreEncodedAsEachIs(t *testing.T) {
	for _, n := range []int{0, 1, 2, 31, 1000} {
		var points []*G1
		for i := range n {
			p := G1Generator().MulSmall(uint32(i*i + 1))
			if i%5 == 4 {
				p = new(G1)
			}
			points = append(points, p)
		}
		got := EncodeG1(points)
		if len(got) != n {
			t.Fatalf("expected %d, found %d", n, len(got))
		}
		for i, p := range points {
			if !bytes.Equal(got[i], p.Bytes()) {
				t.Errorf("point %d of %d: expected %x, found %x", i, n, p.Bytes(), got[i])
			}
		}
	}
}

func TestReductionAgreesWithBigIntegers(t *testing.T) {
	order := new(big.Int).SetBytes(groupOrder(t))
	for _, n := range []int{32, 33, 47, 48, 63, 64} {
		b := make([]byte, n)
		rand.Read(b)
		for _, in := range [][]byte{b, make([]byte, n), bytes.Repeat([]byte{0xff}, n), append(make([]byte, n-32), groupOrder(t)...)} {
			x, err := ReduceScalar(in)
			if err != nil {
				t.Fatal(err)
			}
			want := new(big.Int).Mod(new(big.Int).SetBytes(in), order).FillBytes(make([]byte, 32))
			if !x.Bytes().Equal(want) {
				t.Errorf("%x: expected %x, found %x", in, want, x.Bytes().Open())
			}
		}
	}
	for _, n := range []int{0, 31, 65} {
		if _, err := ReduceScalar(make([]byte, n)); err == nil {
			t.Errorf("%d bytes are reduced", n)
		}
	}
}
