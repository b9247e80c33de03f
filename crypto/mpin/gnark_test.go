package mpin

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/milagro-dta/dta/crypto/bls"
)

// Here is what the tests need of gnark-crypto: an oracle that shares no code
// with what is tested, and points that the package under test refuses to make.

func theirG1(tb testing.TB, p *bls.G1) (out curve.G1Affine) {
	tb.Helper()
	if _, err := out.SetBytes(p.Bytes()); err != nil {
		tb.Fatal(err)
	}
	return out
}

func theirG2(tb testing.TB, p *bls.G2) (out curve.G2Affine) {
	tb.Helper()
	if _, err := out.SetBytes(p.Bytes()); err != nil {
		tb.Fatal(err)
	}
	return out
}

func integer(x *bls.Scalar) *big.Int { return new(big.Int).SetBytes(x.Bytes().Open()) }

func mul1(k *big.Int, p curve.G1Affine) (out curve.G1Affine) { return *out.ScalarMultiplication(&p, k) }
func mul2(k *big.Int, p curve.G2Affine) (out curve.G2Affine) { return *out.ScalarMultiplication(&p, k) }
func add1(p, q curve.G1Affine) (out curve.G1Affine)          { return *out.Add(&p, &q) }
func sub1(p, q curve.G1Affine) (out curve.G1Affine)          { return *out.Sub(&p, &q) }

func pair(tb testing.TB, p curve.G1Affine, q curve.G2Affine) curve.GT {
	tb.Helper()
	e, err := curve.Pair([]curve.G1Affine{p}, []curve.G2Affine{q})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// plainMul is double-and-add, which is right outside the subgroup too.
func plainMul(k *big.Int, p curve.G1Affine) curve.G1Affine {
	var out, q curve.G1Jac
	q.FromAffine(&p)
	for i := k.BitLen() - 1; i >= 0; i-- {
		out.DoubleAssign()
		if k.Bit(i) == 1 {
			out.AddAssign(&q)
		}
	}
	var affine curve.G1Affine
	return *affine.FromJacobian(&out)
}

// lift finds the point with coordinate x, nil if there is none.
func lift(x *big.Int) *curve.G1Affine {
	var p curve.G1Affine
	p.X.SetBigInt(x)
	var y2, four fp.Element
	four.SetUint64(4)
	y2.Square(&p.X).Mul(&y2, &p.X).Add(&y2, &four)
	if p.Y.Sqrt(&y2) == nil {
		return nil
	}
	return &p
}

// theirMapit is AMCL's mapit from its description.
func theirMapit(octet []byte) curve.G1Affine {
	cofactor, _ := new(big.Int).SetString("396c8c005555e1568c00aaab0000aaab", 16)
	x := new(big.Int).Mod(new(big.Int).SetBytes(octet), fp.Modulus())
	for ; ; x.Add(x, big.NewInt(1)) {
		p := lift(x)
		if p == nil {
			continue
		}
		if p.Y.BigInt(new(big.Int)).Bit(0) == 1 {
			p.Y.Neg(&p.Y)
		}
		if q := plainMul(cofactor, *p); !q.IsInfinity() {
			return q
		}
	}
}

func onCurve(compressed []byte) bool {
	x := new(big.Int).SetBytes(append([]byte{compressed[0] & 0x1f}, compressed[1:48]...))
	if len(compressed) == 48 {
		return lift(x) != nil
	}
	// Of G2 the coordinate's parts are imaginary, then real.
	_, ok := lift2(x, new(big.Int).SetBytes(compressed[48:]))
	return ok
}

func lift2(imaginary, re *big.Int) (p curve.G2Affine, ok bool) {
	p.X.A1.SetBigInt(imaginary)
	p.X.A0.SetBigInt(re)
	y2, b := p.X, p.X
	b.A0.SetUint64(4)
	b.A1.SetUint64(4)
	y2.Square(&p.X).Mul(&y2, &p.X).Add(&y2, &b)
	if y2.Legendre() != 1 {
		return p, false
	}
	p.Y.Sqrt(&y2)
	return p, true
}

// offSubgroup encodes a point that is on the curve and outside the subgroup.
func offSubgroup(tb testing.TB, s Suite, g2 bool) []byte {
	tb.Helper()
	for x := int64(1); x < 100; x++ {
		if g2 {
			p, ok := lift2(big.NewInt(0), big.NewInt(x))
			if !ok || p.IsInSubGroup() {
				continue
			}
			if s == V1 {
				b := p.Bytes()
				return b[:]
			}
			return encode(p.X.A0.Bytes(), p.X.A1.Bytes(), p.Y.A0.Bytes(), p.Y.A1.Bytes())
		}
		p := lift(big.NewInt(x))
		if p == nil || p.IsInSubGroup() {
			continue
		}
		if s == V1 {
			b := p.Bytes()
			return b[:]
		}
		return append([]byte{4}, encode(p.X.Bytes(), p.Y.Bytes())...)
	}
	tb.Fatal("none found")
	return nil
}

func encode(coordinates ...[48]byte) (out []byte) {
	for _, c := range coordinates {
		out = append(out, c[:]...)
	}
	return out
}

// theirs writes a gnark point in the suite's encoding.
func theirs(s Suite, p curve.G1Affine) []byte {
	if s == V1 {
		b := p.Bytes()
		return b[:]
	}
	return append([]byte{4}, encode(p.X.Bytes(), p.Y.Bytes())...)
}

func theirs2(s Suite, p curve.G2Affine) []byte {
	if s == V1 {
		b := p.Bytes()
		return b[:]
	}
	return encode(p.X.A0.Bytes(), p.X.A1.Bytes(), p.Y.A0.Bytes(), p.Y.A1.Bytes())
}

// coordinates of an element of GT: those of w⁰ … w⁵. gnark's tower has v = w².
func coordinates(e curve.GT) []byte {
	var out []byte
	for _, c := range []struct{ re, im fp.Element }{
		{e.C0.B0.A0, e.C0.B0.A1}, {e.C1.B0.A0, e.C1.B0.A1}, {e.C0.B1.A0, e.C0.B1.A1},
		{e.C1.B1.A0, e.C1.B1.A1}, {e.C0.B2.A0, e.C0.B2.A1}, {e.C1.B2.A0, e.C1.B2.A1},
	} {
		out = append(out, encode(c.re.Bytes(), c.im.Bytes())...)
	}
	return out
}

// fmtAll is everything that printing shows.
func fmtAll(v any) []byte {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(&b, verb, v)
	}
	return b.Bytes()
}
