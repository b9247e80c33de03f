package sign

import (
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/milagro-dta/dta/crypto/lru"
)

func BenchmarkSign(b *testing.B) {
	k, msg := V2.NewPrivateKey(), make([]byte, 4096)
	for b.Loop() {
		k.Sign(Envelope, msg)
	}
}

func BenchmarkVerify(b *testing.B) {
	k, msg := V2.NewPrivateKey(), make([]byte, 4096)
	sig := k.Sign(Envelope, msg)
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if err := k.Public().Verify(Envelope, msg, sig); err != nil {
				b.Fatal(err)
			}
		}
	})
	// The first contact with a key.
	b.Run("uncached", func(b *testing.B) {
		public := *k.Public()
		for b.Loop() {
			public.suite.keys = lru.New[[mldsa65.PublicKeySize]byte, *mldsa65.PublicKey](1)
			if err := public.Verify(Envelope, msg, sig); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNewPrivateKey(b *testing.B) {
	for b.Loop() {
		V2.NewPrivateKey()
	}
}
