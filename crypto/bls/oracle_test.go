package bls

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/field/hash"
)

// A second library, which shares no code with blst, says what should come out.

func theirG1(tb testing.TB, p *G1) (out curve.G1Affine) {
	tb.Helper()
	if _, err := out.SetBytes(p.Bytes()); err != nil {
		tb.Fatal(err)
	}
	return out
}

func theirG2(tb testing.TB, p *G2) (out curve.G2Affine) {
	tb.Helper()
	if _, err := out.SetBytes(p.Bytes()); err != nil {
		tb.Fatal(err)
	}
	return out
}

func encode(coordinates ...fp.Element) (out []byte) {
	for _, c := range coordinates {
		b := c.Bytes()
		out = append(out, b[:]...)
	}
	return out
}

// coordinates of w⁰ … w⁵: gnark's tower has v = w².
func coordinates(e curve.GT) []byte {
	return encode(e.C0.B0.A0, e.C0.B0.A1, e.C1.B0.A0, e.C1.B0.A1, e.C0.B1.A0, e.C0.B1.A1,
		e.C1.B1.A0, e.C1.B1.A1, e.C0.B2.A0, e.C0.B2.A1, e.C1.B2.A0, e.C1.B2.A1)
}

func randomG1() *G1 { return G1Generator().Mul(RandomScalar()) }
func randomG2() *G2 { return G2Generator().Mul(RandomScalar()) }

func TestPairingsAgreeWithASecondLibrary(t *testing.T) {
	for n := range 12 { // blst puts eight Miller loops into one.
		var ps []*G1
		var qs []*G2
		theirs := *new(curve.GT).SetOne()
		for range n {
			ps, qs = append(ps, randomG1()), append(qs, randomG2())
			e, err := curve.Pair([]curve.G1Affine{theirG1(t, ps[len(ps)-1])}, []curve.G2Affine{theirG2(t, qs[len(qs)-1])})
			if err != nil {
				t.Fatal(err)
			}
			theirs.Mul(&theirs, &e)
		}
		got := PairProduct(ps, qs)
		if !bytes.Equal(got.Bytes(), coordinates(theirs)) {
			t.Errorf("%d pairings: expected %x, found %x", n, coordinates(theirs), got.Bytes())
		}
		if PairsToOne(ps, qs) != (n == 0) {
			t.Errorf("%d pairings to one", n)
		}
		var power curve.GT
		power.Exp(theirs, big.NewInt(9999))
		if !bytes.Equal(got.ExpSmall(9999).Bytes(), coordinates(power)) {
			t.Errorf("%d pairings to the power of 9999", n)
		}
	}
}

func TestCoordinatesAgreeWithASecondLibrary(t *testing.T) {
	for range 10 {
		p, q := randomG1(), randomG2()
		x, y := p.Coordinates()
		their1, their2 := theirG1(t, p), theirG2(t, q)
		if !bytes.Equal(append(x, y...), encode(their1.X, their1.Y)) {
			t.Errorf("G1: %x, %x", x, y)
		}
		x0, x1, y0, y1 := q.Coordinates()
		if got := bytes.Join([][]byte{x0, x1, y0, y1}, nil); !bytes.Equal(got, encode(their2.X.A0, their2.X.A1, their2.Y.A0, their2.Y.A1)) {
			t.Errorf("G2: %x", got)
		}
	}
}

// plainMul is double-and-add, right outside the subgroup too.
func plainMul(k *big.Int, p curve.G1Affine) (out curve.G1Affine) {
	var sum, q curve.G1Jac
	q.FromAffine(&p)
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum.DoubleAssign()
		if k.Bit(i) == 1 {
			sum.AddAssign(&q)
		}
	}
	return *out.FromJacobian(&sum)
}

func TestLiftingAgreesWithASecondLibrary(t *testing.T) {
	h, _ := new(big.Int).SetString("396c8c005555e1568c00aaab0000aaab", 16)
	found := 0
	for i := range 60 {
		var p curve.G1Affine
		if i < 30 {
			p.X.SetUint64(uint64(i))
		} else {
			p.X.MustSetRandom()
		}
		x := p.X.Bytes()
		var y2, four fp.Element
		four.SetUint64(4)
		y2.Square(&p.X).Mul(&y2, &p.X).Add(&y2, &four)
		exists := p.Y.Sqrt(&y2) != nil
		for _, odd := range []bool{false, true} {
			got := LiftX(x[:], odd)
			if !exists {
				if got != nil {
					t.Errorf("x = %x: no point has it, found %x", x, got.Bytes())
				}
				continue
			}
			found++
			if (p.Y.BigInt(new(big.Int)).Bit(0) == 1) != odd {
				p.Y.Neg(&p.Y)
			}
			want := plainMul(h, p)
			b := want.Bytes()
			if want.IsInfinity() {
				if got != nil {
					t.Errorf("x = %x: the product is the identity, found %s", x, got)
				}
			} else if got == nil || !bytes.Equal(got.Bytes(), b[:]) || !want.IsInSubGroup() {
				t.Errorf("x = %x, odd %v: expected %x, found %v", x, odd, b, got)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d points", found)
	}
	for name, x := range map[string][]byte{"no bytes": nil, "a byte too few": make([]byte, 47), "a byte too many": make([]byte, 49), "p": fieldModulus(t), "ones": bytes.Repeat([]byte{0xff}, 48)} {
		if LiftX(x, false) != nil {
			t.Errorf("%s is lifted", name)
		}
	}
}

func TestHashingToScalarsAgreesWithASecondLibrary(t *testing.T) {
	order := new(big.Int).SetBytes(groupOrder(t))
	for i := range 20 {
		msg := fmt.Appendf(nil, "message %d", i)
		if i == 0 {
			msg = nil
		}
		wide, err := hash.ExpandMsgXmd(msg, []byte("BLS-TEST"), 48)
		if err != nil {
			t.Fatal(err)
		}
		want := new(big.Int).Mod(new(big.Int).SetBytes(wide), order).FillBytes(make([]byte, 32))
		if got := HashToScalar(msg, "BLS-TEST").Bytes().Open(); !bytes.Equal(got, want) {
			t.Errorf("%q: expected %x, found %x", msg, want, got)
		}
	}
}
