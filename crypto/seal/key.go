package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"fmt"
	"sync"

	"github.com/milagro-dta/dta/crypto/secret"
)

// PrivateKey opens what was sealed to its public half. It does not print.
type PrivateKey struct {
	secret.Hidden
	seed   *secret.Bytes
	public []byte
	key    secret.Box[hpke.PrivateKey]
}

// NewPrivateKey returns a random key.
func (s Suite) NewPrivateKey() (*PrivateKey, error) {
	seed := secret.Random(SeedSize)
	defer seed.Clear()
	return s.ParsePrivateKey(seed)
}

// ParsePrivateKey expands a seed of 32 bytes, every one of which is a key. The
// seed stays the caller's.
func (s Suite) ParsePrivateKey(seed *secret.Bytes) (*PrivateKey, error) {
	if seed.Len() != SeedSize {
		return nil, fmt.Errorf("parse sealing key: expected a seed of %d bytes, found %d", SeedSize, seed.Len())
	}
	key, err := s.kem.NewPrivateKey(seed.Open())
	if err != nil {
		return nil, fmt.Errorf("parse sealing key: %w", err)
	}
	return &PrivateKey{
		seed:   secret.Copy(seed.Open()),
		public: key.PublicKey().Bytes(),
		key:    secret.NewBox(&key),
	}, nil
}

// Public returns the public half, 1216 bytes.
func (k *PrivateKey) Public() []byte { return bytes.Clone(k.public) }

// Seed returns a copy of the seed, 32 bytes, which the caller clears.
func (k *PrivateKey) Seed() *secret.Bytes { return secret.Copy(k.seed.Open()) }

// Clone returns a copy with a seed of its own, which is cleared apart from k. They
// share the expanded key, which nothing changes.
func (k *PrivateKey) Clone() *PrivateKey {
	return &PrivateKey{seed: k.Seed(), public: k.public, key: k.key}
}

// Clear overwrites the seed and lets go of the expanded key, which Go's
// standard library has no means to overwrite. A cleared key opens nothing. It
// may be called again, and on nil.
func (k *PrivateKey) Clear() {
	if k != nil {
		k.seed.Clear()
		k.key = secret.Box[hpke.PrivateKey]{}
	}
}

// CheckPublicKey refuses what nothing could be sealed to, or what has another
// encoding as well: a wrong size, ML-KEM coefficients not reduced, an X25519
// point not reduced or of low order.
func (s Suite) CheckPublicKey(pub []byte) error {
	_, err := s.publicKey(pub)
	return err
}

// publicKey parses pub, or finds it among those parsed before.
func (s Suite) publicKey(pub []byte) (hpke.PublicKey, error) {
	if len(pub) != PublicKeySize {
		return nil, fmt.Errorf("parse public sealing key: expected %d bytes, found %d", PublicKeySize, len(pub))
	}
	name := [PublicKeySize]byte(pub)
	if key, ok := s.keys.Get(name); ok {
		return key, nil
	}
	if err := checkX25519(pub[PublicKeySize-x25519Size:]); err != nil {
		return nil, fmt.Errorf("parse public sealing key: %w", err)
	}
	key, err := s.kem.NewPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("parse public sealing key: %w", err)
	}
	s.keys.Put(name, key)
	return key, nil
}

const x25519Size = 32

// fieldPrime is 2^255 − 19, little-endian as X25519 points are.
var fieldPrime = [x25519Size]byte{0: 0xed, 31: 0x7f}

func init() {
	for i := 1; i < 31; i++ {
		fieldPrime[i] = 0xff
	}
}

// checkX25519 refuses points that RFC 7748 would reduce silently, and those
// that a multiple of the cofactor takes to zero.
func checkX25519(point []byte) error {
	reduced := false
	for i := x25519Size - 1; i >= 0 && !reduced; i-- {
		if point[i] > fieldPrime[i] {
			break
		}
		reduced = point[i] < fieldPrime[i]
	}
	if !reduced {
		return fmt.Errorf("X25519 point is not reduced")
	}
	pub, err := ecdh.X25519().NewPublicKey(point)
	if err != nil {
		return err
	}
	key, err := probe()
	if err != nil {
		return err
	}
	if _, err := key.ECDH(pub); err != nil {
		return fmt.Errorf("X25519 point is of low order: %w", err)
	}
	return nil
}

// probe is the private key that points are tried with: ECDH refuses an all-zero
// result, which low order points give with every private key, so any will do. To make
// one costs as much as to use it.
var probe = sync.OnceValues(func() (*ecdh.PrivateKey, error) {
	return ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{1}, x25519Size))
})
