package bls

import "testing"

func BenchmarkSign(b *testing.B) {
	k, _ := NewSecretKey()
	msg := make([]byte, 1024)
	for b.Loop() {
		k.Sign(DomainEnvelope, msg)
	}
}

func BenchmarkVerify(b *testing.B) {
	k, _ := NewSecretKey()
	msg := make([]byte, 1024)
	sig, pub := k.Sign(DomainEnvelope, msg), k.Public()
	for b.Loop() {
		if err := pub.Verify(DomainEnvelope, msg, sig); err != nil {
			b.Fatal(err)
		}
	}
}
