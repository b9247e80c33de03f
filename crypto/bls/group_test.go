package bls

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret/secrettest"
	blst "github.com/supranational/blst/bindings/go"
)

func TestOnlyOneEncodingOfAPointIsAccepted(t *testing.T) {
	for name, bad := range malformedG1(t) {
		if _, err := ParseG1(bad); err == nil {
			t.Errorf("G1: %s", name)
		}
	}
	for name, bad := range malformedG2(t) {
		if _, err := ParseG2(bad); err == nil {
			t.Errorf("G2: %s", name)
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
}

func TestPointsDoNotPrint(t *testing.T) {
	x := RandomScalar()
	g1, g2 := G1Generator().Mul(x), G2Generator().Mul(x)
	secrettest.DoesNotLeak(t, g1, g1.Bytes())
	secrettest.DoesNotLeak(t, g2, g2.Bytes())
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x"} {
		if a, b := fmt.Sprintf(verb, g1), fmt.Sprintf(verb, g1.Add(g1)); a != b {
			t.Errorf("%s tells points of G1 apart: %.40s", verb, a)
		}
		if a, b := fmt.Sprintf(verb, g2), fmt.Sprintf(verb, g2.Add(g2)); a != b {
			t.Errorf("%s tells points of G2 apart: %.40s", verb, a)
		}
	}
}

func TestACopyOutlivesItsOriginal(t *testing.T) {
	g1, g2 := G1Generator(), G2Generator()
	c1, c2 := g1.Clone(), g2.Clone()
	g1.Clear()
	g2.Clear()
	if !g1.IsIdentity() || !g2.IsIdentity() || !c1.Equal(G1Generator()) || !c2.Equal(G2Generator()) {
		t.Error("a copy shares its point")
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
	if want := "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"; hex.EncodeToString(G1Generator().Bytes()) != want {
		t.Errorf("expected %s, found %x", want, G1Generator().Bytes())
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
			t.Errorf("G1, %.20q: expected %s, found %s", v.Msg, want, got)
		}
	}
	for _, v := range file.G2.Vectors {
		got := hex.EncodeToString(blst.HashToG2([]byte(v.Msg), []byte(file.G2.DST)).Serialize())
		// ZCash's encoding puts the imaginary part first.
		if want := v.X[1] + v.X[0] + v.Y[1] + v.Y[0]; got != want {
			t.Errorf("G2, %.20q: expected %s, found %s", v.Msg, want, got)
		}
	}
}
