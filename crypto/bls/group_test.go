package bls

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"testing"

	blst "github.com/supranational/blst/bindings/go"
)

// groupOrder is r, 32 bytes big-endian.
func groupOrder(tb testing.TB) []byte {
	return fromHex(tb, "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001")
}

// fieldModulus is p, 48 bytes big-endian.
func fieldModulus(tb testing.TB) []byte {
	return fromHex(tb, "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab")
}

const (
	compressed = 0x80
	infinity   = 0x40
	larger     = 0x20
)

// withX is a compressed encoding whose last bytes are x.
func withX(size int, x byte) []byte {
	b := make([]byte, size)
	b[0], b[size-1] = compressed, x
	return b
}

// offSubgroup finds a point that is on the curve and outside the subgroup, as
// nearly all are: the cofactors have 126 and 508 bits.
func offSubgroup(tb testing.TB, size int) []byte {
	tb.Helper()
	for x := byte(1); x != 0; x++ {
		b := withX(size, x)
		if size == G1Size {
			if p := new(blst.P1Affine).Uncompress(b); p != nil && !p.InG1() {
				return b
			}
		} else if p := new(blst.P2Affine).Uncompress(b); p != nil && !p.InG2() {
			return b
		}
	}
	tb.Fatal("no point found")
	return nil
}

// offCurve finds a coordinate of which the curve has no point.
func offCurve(tb testing.TB, size int) []byte {
	tb.Helper()
	for x := byte(1); x != 0; x++ {
		b := withX(size, x)
		if size == G1Size && new(blst.P1Affine).Uncompress(b) == nil || size == G2Size && new(blst.P2Affine).Uncompress(b) == nil {
			return b
		}
	}
	tb.Fatal("no coordinate found")
	return nil
}

// unreduced encodes a point of the group a second time, its (last) coordinate
// of 48 bytes plus p, which the bits left beside the flags hold for small ones.
func unreduced(tb testing.TB, draw func() []byte) []byte {
	tb.Helper()
	for range 1000 {
		b := draw()
		part, flags := b[len(b)-48:], byte(0)
		if len(b) == 48 {
			flags = part[0] & 0xe0
			part[0] &^= 0xe0
		}
		sum := new(big.Int).Add(new(big.Int).SetBytes(part), new(big.Int).SetBytes(fieldModulus(tb)))
		if len(b) == 96 || sum.BitLen() <= 381 {
			sum.FillBytes(part)
			part[0] |= flags
			return b
		}
	}
	tb.Fatal("no small coordinate found")
	return nil
}

func malformed(tb testing.TB, size int, good func() []byte) map[string][]byte {
	flagged := func(clear, set byte) []byte {
		b := good()
		b[0] = b[0]&^clear | set
		return b
	}
	identity := make([]byte, size)
	identity[0] = compressed | infinity
	with := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] |= v
		return b
	}
	order := append([]byte{}, bytes.Repeat([]byte{0}, size-48)...)
	return map[string][]byte{
		"nothing":                          nil,
		"a byte too few":                   good()[1:],
		"a byte too many":                  append(good(), 0),
		"zeros":                            make([]byte, size),
		"ones":                             bytes.Repeat([]byte{0xff}, size),
		"the uncompressed size":            make([]byte, 2*size),
		"the identity":                     identity,
		"the identity with a sign":         with(identity, 0, larger),
		"the identity with a coordinate":   with(identity, size-1, 1),
		"the identity not compressed":      make([]byte, size),
		"a point marked as not compressed": flagged(compressed, 0),
		"a point marked as the identity":   flagged(0, infinity),
		"a point outside the subgroup":     offSubgroup(tb, size),
		"a coordinate off the curve":       offCurve(tb, size),
		"a coordinate of p":                with(append(order, fieldModulus(tb)...), 0, compressed),
		"a coordinate not reduced":         unreduced(tb, good),
	}
}

func malformedG1(tb testing.TB) map[string][]byte {
	return malformed(tb, G1Size, func() []byte { return G1Generator().Mul(RandomScalar()).Bytes() })
}

func malformedG2(tb testing.TB) map[string][]byte {
	return malformed(tb, G2Size, func() []byte { return G2Generator().Mul(RandomScalar()).Bytes() })
}

func TestOnlyOneEncodingOfAPointIsAccepted(t *testing.T) {
	for name, bad := range malformedG1(t) {
		if _, err := ParseG1(bad); err == nil {
			t.Errorf("G1: %s", name)
		}
		if _, err := ParseG1OrIdentity(bad); (err == nil) != (name == "the identity") {
			t.Errorf("G1 or identity: %s: %v", name, err)
		}
	}
	for name, bad := range malformedG2(t) {
		if _, err := ParseG2(bad); err == nil {
			t.Errorf("G2: %s", name)
		}
		if _, err := ParseG2OrIdentity(bad); (err == nil) != (name == "the identity") {
			t.Errorf("G2 or identity: %s: %v", name, err)
		}
	}
}

func TestPointsSurviveTheirEncodings(t *testing.T) {
	x := RandomScalar()
	g1 := G1Generator().Mul(x)
	if again, err := ParseG1(g1.Bytes()); err != nil || !again.Equal(g1) {
		t.Errorf("G1: %v", err)
	}
	g2 := G2Generator().Mul(x)
	if again, err := ParseG2(g2.Bytes()); err != nil || !again.Equal(g2) {
		t.Errorf("G2: %v", err)
	}
	if again, err := ParseG1OrIdentity(new(G1).Bytes()); err != nil || !again.IsIdentity() {
		t.Errorf("identity of G1: %v", err)
	}
	if again, err := ParseG2OrIdentity(new(G2).Bytes()); err != nil || !again.IsIdentity() {
		t.Errorf("identity of G2: %v", err)
	}
}

// group is what G1 and G2 have in common.
type group[P any] interface {
	Add(P) P
	Sub(P) P
	Mul(*Scalar) P
	Equal(P) bool
	IsIdentity() bool
}

func obeysTheLaws[P group[P]](t *testing.T, g, identity P) {
	x, y := RandomScalar(), RandomScalar()
	for law, holds := range map[string]bool{
		"x·g + y·g = (x + y)·g":    g.Mul(x).Add(g.Mul(y)).Equal(g.Mul(x.Add(y))),
		"x·g − y·g = (x − y)·g":    g.Mul(x).Sub(g.Mul(y)).Equal(g.Mul(x.Sub(y))),
		"y·(x·g) = (x·y)·g":        g.Mul(x).Mul(y).Equal(g.Mul(x.Mul(y))),
		"(1/x)·(x·g) = g":          g.Mul(x).Mul(x.Inverse()).Equal(g),
		"g + g = 2·g":              g.Add(g).Equal(g.Mul(NewScalar(2))),
		"g − g is the identity":    g.Sub(g).IsIdentity(),
		"0·g is the identity":      g.Mul(NewScalar(0)).IsIdentity(),
		"g + identity = g":         g.Add(identity).Equal(g),
		"x·identity = identity":    identity.Mul(x).IsIdentity(),
		"g is not the identity":    !g.IsIdentity(),
		"x·g ≠ y·g":                !g.Mul(x).Equal(g.Mul(y)),
		"(r − 1)·g + g = identity": g.Mul(NewScalar(0).Sub(NewScalar(1))).Add(g).IsIdentity(),
	} {
		if !holds {
			t.Error(law)
		}
	}
}

func TestG1ObeysTheLawsOfAGroup(t *testing.T) { obeysTheLaws(t, G1Generator(), new(G1)) }
func TestG2ObeysTheLawsOfAGroup(t *testing.T) { obeysTheLaws(t, G2Generator(), new(G2)) }

func TestMulSmallAgreesWithMul(t *testing.T) {
	g := G1Generator().Mul(RandomScalar())
	for _, n := range []uint32{0, 1, 2, 3, 31, 32, 33, 255, 65537, 1<<32 - 1} {
		if !g.MulSmall(n).Equal(g.Mul(NewScalar(uint64(n)))) {
			t.Error(n)
		}
	}
}

func TestGeneratorsAreNotChangedByUse(t *testing.T) {
	before := G1Generator().Bytes()
	G1Generator().Add(G1Generator())
	G1Generator().MulSmall(5)
	if !bytes.Equal(before, G1Generator().Bytes()) {
		t.Error("the generator of G1 changed")
	}
	if want := "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"; G1Generator().String() != want {
		t.Errorf("expected %s, got %s", want, G1Generator())
	}
}

func TestHashingToTheCurveAgreesWithRFC9380(t *testing.T) {
	type vectors struct {
		DST     string
		Vectors []struct {
			Msg  string
			X, Y []string
		}
	}
	var file struct{ G1, G2 vectors }
	b, err := os.ReadFile("testdata/rfc9380.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.G1.Vectors) != 5 || len(file.G2.Vectors) != 5 {
		t.Fatal("expected five vectors for each group")
	}
	for _, v := range file.G1.Vectors {
		got := hex.EncodeToString(HashToG1([]byte(v.Msg), file.G1.DST).p.Serialize())
		if want := v.X[0] + v.Y[0]; got != want {
			t.Errorf("G1, %.20q: expected %s, got %s", v.Msg, want, got)
		}
	}
	for _, v := range file.G2.Vectors {
		got := hex.EncodeToString(HashToG2([]byte(v.Msg), file.G2.DST).p.Serialize())
		// ZCash's encoding puts the imaginary part first.
		if want := v.X[1] + v.X[0] + v.Y[1] + v.Y[0]; got != want {
			t.Errorf("G2, %.20q: expected %s, got %s", v.Msg, want, got)
		}
	}
}

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
				t.Errorf("%s of %x and %x: got %x", name, a, b, pair[0])
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

func ExamplePublicKey_Verify() {
	k, _ := NewSecretKey()
	defer k.Clear()
	sig := k.Sign(DomainEnvelope, []byte("hello"))

	// The other side has 48 bytes and their proof.
	public, _ := ParsePublicKey(k.Public().Bytes())
	fmt.Println(public.VerifyPossession(k.ProvePossession()))
	fmt.Println(public.Verify(DomainEnvelope, []byte("hello"), sig))
	fmt.Println(public.Verify(DomainRequest, []byte("hello"), sig))
	// Output:
	// <nil>
	// <nil>
	// BLS signature does not verify
}
