// Package seal encrypts: to a public key, and under a shared key.
//
// A Suite is a value that bundles the algorithms under a name which travels in
// every document and envelope; code takes the suite it is given and never
// branches on the name. There is one, V2, named after its signature suite:
//
//   - HPKE (RFC 9180, base mode) with the hybrid KEM MLKEM768X25519, called
//     X-Wing (0x647a), HKDF-SHA256 and AES-256-GCM
//   - content encryption with AES-256-GCM under random nonces
//   - key derivation with HKDF-SHA256
//   - composite signatures, ML-DSA-65 and Ed25519 (package sign)
//
// HPKE in base mode does not say who sealed: that is for a signature to say.
// AES-GCM does not commit to its key: two keys may open one ciphertext to two
// plaintexts. Whoever needs every recipient to see the same must bind the
// plaintext otherwise.
package seal

import (
	"crypto/hpke"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/lru"
	"github.com/milagro-dta/dta/crypto/sign"
)

// Sizes in bytes, of V2.
const (
	PublicKeySize = 1216 // ML-KEM-768 encapsulation key ‖ X25519 point
	SeedSize      = 32   // private half
	KeySize       = 32   // content keys

	EncapsulationSize = 1120                       // ML-KEM-768 ciphertext ‖ X25519 point
	SealOverhead      = EncapsulationSize + gcmTag // sealed minus plaintext
	EncryptOverhead   = gcmNonce + gcmTag          // ciphertext minus plaintext

	gcmNonce = 12
	gcmTag   = 16
)

var (
	// ErrUnknownSuite says that no suite has the name.
	ErrUnknownSuite = errors.New("unknown suite")

	// ErrOpen says that a ciphertext does not open. Why it does not, whether
	// for the key, the context or the bytes, is kept back on purpose.
	ErrOpen = errors.New("ciphertext does not open")
)

// Suite is a set of algorithms under a name.
type Suite struct {
	// Name is what documents and envelopes carry.
	Name string

	// Signing makes and verifies the signatures.
	Signing sign.Suite

	kem  hpke.KEM
	kdf  hpke.KDF
	aead hpke.AEAD
	keys *lru.Cache[[PublicKeySize]byte, hpke.PublicKey]
}

// cachedKeys bounds the parsed public keys kept: about 12 KiB a key, 3 MiB in
// all. Parsing expands a matrix and costs as much as sealing itself.
const cachedKeys = 256

// V2 is the suite "dta-v2".
var V2 = Suite{
	Name:    sign.V2.Name,
	Signing: sign.V2,
	kem:     hpke.MLKEM768X25519(),
	kdf:     hpke.HKDFSHA256(),
	aead:    hpke.AES256GCM(),
	keys:    lru.New[[PublicKeySize]byte, hpke.PublicKey](cachedKeys),
}

// ByName finds a suite. The error is ErrUnknownSuite.
func ByName(name string) (Suite, error) {
	for _, s := range []Suite{V2} {
		if s.Name == name {
			return s, nil
		}
	}
	return Suite{}, fmt.Errorf("%w %.40q", ErrUnknownSuite, name)
}
