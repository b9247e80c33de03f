package seal

import (
	"crypto/hpke"
	"testing"

	"github.com/milagro-dta/dta/crypto/lru"
	"github.com/milagro-dta/dta/crypto/secret"
)

func BenchmarkSealTo(b *testing.B) {
	pub, plaintext := newKey(b).Public(), make([]byte, 64)
	for b.Loop() {
		sealTo(b, pub, []byte("info"), nil, plaintext)
	}
}

func BenchmarkOpenWith(b *testing.B) {
	k := newKey(b)
	sealed := sealTo(b, k.Public(), []byte("info"), nil, make([]byte, 64))
	for b.Loop() {
		if _, err := V2.OpenWith(k, []byte("info"), nil, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// The first contact with a key, before it is cached.
func BenchmarkCheckPublicKeyUncached(b *testing.B) {
	suite, pub := V2, newKey(b).Public()
	for b.Loop() {
		suite.keys = lru.New[[PublicKeySize]byte, hpke.PublicKey](1)
		if err := suite.CheckPublicKey(pub); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewPrivateKey(b *testing.B) {
	for b.Loop() {
		newKey(b)
	}
}

func BenchmarkEncrypt4KiB(b *testing.B) {
	key, plaintext := secret.Random(KeySize), make([]byte, 4096)
	for b.Loop() {
		if _, err := V2.Encrypt(key, nil, plaintext); err != nil {
			b.Fatal(err)
		}
	}
}
