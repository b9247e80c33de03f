package bls

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

func TestThePairingIsBilinear(t *testing.T) {
	x, y := RandomScalar(), RandomScalar()
	p, q := randomG1(), randomG2()
	e := Pair(p, q)
	for law, holds := range map[string]bool{
		"e(x·P, y·Q) = e(y·P, x·Q)":     Pair(p.Mul(x), q.Mul(y)).Equal(Pair(p.Mul(y), q.Mul(x))),
		"e(x·P, Q) = e(P, x·Q)":         PairsToOne([]*G1{p.Mul(x), new(G1).Sub(p)}, []*G2{q, q.Mul(x)}),
		"e(P, Q)·e(P, Q) = e(2·P, Q)":   e.Mul(e).Equal(Pair(p.Add(p), q)),
		"e(P, Q)^7 = e(7·P, Q)":         e.ExpSmall(7).Equal(Pair(p.MulSmall(7), q)),
		"e(P, Q)^0 is one":              e.ExpSmall(0).IsOne(),
		"e(P, Q) is not one":            !e.IsOne(),
		"e(P, Q)·e(−P, Q) = 1":          PairProduct([]*G1{p, new(G1).Sub(p)}, []*G2{q, q}).IsOne(),
		"e(0, Q) = 1":                   Pair(new(G1), q).IsOne() && PairsToOne([]*G1{new(G1)}, []*G2{q}),
		"e(P, 0) = 1":                   Pair(p, new(G2)).IsOne() && PairsToOne([]*G1{p}, []*G2{new(G2)}),
		"e(0, 0) = 1":                   Pair(new(G1), new(G2)).IsOne(),
		"the empty product is one":      PairProduct(nil, nil).IsOne() && PairsToOne(nil, nil),
		"identities leave others alone": PairProduct([]*G1{new(G1), p, p}, []*G2{q, q, new(G2)}).Equal(e),
		"x·P and P differ":              !PairsToOne([]*G1{p.Mul(x), new(G1).Sub(p)}, []*G2{q, q}),
	} {
		if !holds {
			t.Error(law)
		}
	}
	if b := e.Bytes(); len(b) != GTSize {
		t.Errorf("expected %d bytes, found %d", GTSize, len(b))
	}
}

func TestPairingsOfDifferentNumbersPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("two points pair with one")
		}
	}()
	PairProduct([]*G1{randomG1(), randomG1()}, []*G2{randomG2()})
}

func TestElementsOfGTDoNotLeakAndClear(t *testing.T) {
	e := Pair(randomG1(), randomG2())
	secrettest.DoesNotLeak(t, e, e.Bytes())
	e.Clear()
	e.Clear()
	(*GT)(nil).Clear()
	new(GT).Clear()
	if b := e.Bytes(); !isZero(b) {
		t.Errorf("%x is left", b)
	}
	if Pair(new(G1), G2Generator()).Clear(); !Pair(new(G1), G2Generator()).IsOne() {
		t.Error("clearing one element of value one changed another")
	}
}

func TestPointsClear(t *testing.T) {
	p, q := randomG1(), randomG2()
	g1, g2 := G1Generator(), G2Generator()
	for range 2 {
		p.Clear()
		q.Clear()
		g1.Clear()
		g2.Clear()
	}
	(*G1)(nil).Clear()
	(*G2)(nil).Clear()
	if !p.IsIdentity() || !q.IsIdentity() {
		t.Error("something is left")
	}
	if G1Generator().IsIdentity() || G2Generator().IsIdentity() {
		t.Error("a generator that somebody cleared is gone for all")
	}
}
