package bls

import "testing"

func BenchmarkPairing(b *testing.B) {
	p, q := randomG1(), randomG2()
	b.Run("value", func(b *testing.B) {
		for b.Loop() {
			Pair(p, q)
		}
	})
	b.Run("two to one", func(b *testing.B) {
		for b.Loop() {
			PairsToOne([]*G1{p, p}, []*G2{q, q})
		}
	})
}
