package bls

import "testing"

func BenchmarkSign(b *testing.B) {
	k, msg := newKey(b), make([]byte, 1024)
	for b.Loop() {
		k.Sign(DomainEnvelope, msg)
	}
}

func BenchmarkVerify(b *testing.B) {
	k, msg := newKey(b), make([]byte, 1024)
	sig := k.Sign(DomainEnvelope, msg)
	for b.Loop() {
		if err := k.Public().Verify(DomainEnvelope, msg, sig); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParsePublicKey(b *testing.B) {
	encoded := newKey(b).Public().Bytes()
	for b.Loop() {
		if _, err := ParsePublicKey(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

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
