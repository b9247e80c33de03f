package sign

import (
	"crypto/ed25519"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/milagro-dta/dta/crypto/secret"
)

// PrivateKey signs. It holds both halves expanded, about 64 KiB, may be used by
// many goroutines until Clear, and does not print.
type PrivateKey struct {
	secret.Hidden
	suite   Suite
	seed    *secret.Bytes // ML-DSA ‖ Ed25519, 64 bytes
	mldsa   secret.Box[mldsa65.PrivateKey]
	edwards *secret.Bytes // Ed25519 private key, 64 bytes
	public  *PublicKey
}

// NewPrivateKey returns a random key.
func (s Suite) NewPrivateKey() *PrivateKey {
	return s.expand(secret.Random(SeedSize))
}

// ParsePrivateKey expands a seed of 64 bytes: ML-DSA-65's ξ, then Ed25519's.
// Every seed is a key. b stays the caller's.
func (s Suite) ParsePrivateKey(b *secret.Bytes) (*PrivateKey, error) {
	if b.Len() != SeedSize {
		return nil, fmt.Errorf("parse signing key: expected a seed of %d bytes, found %d", SeedSize, b.Len())
	}
	return s.expand(secret.Copy(b.Open())), nil
}

// expand takes ownership of the seed.
func (s Suite) expand(seed *secret.Bytes) *PrivateKey {
	b := seed.Open()
	public, mldsa := mldsa65.NewKeyFromSeed((*[mldsaSeedSize]byte)(b[:mldsaSeedSize]))
	edwards := ed25519.NewKeyFromSeed(b[mldsaSeedSize:])
	k := &PrivateKey{suite: s, seed: seed, mldsa: secret.NewBox(mldsa), edwards: secret.New(edwards), public: &PublicKey{suite: s}}
	// The encoding alone: the library's public key points into its private one.
	copy(k.public.b[:], public.Bytes())
	copy(k.public.b[mldsa65.PublicKeySize:], edwards.Public().(ed25519.PublicKey))
	return k
}

// Bytes returns a copy of the seed, 64 bytes, which the caller clears. It is
// empty after Clear.
func (k *PrivateKey) Bytes() *secret.Bytes { return secret.Copy(k.seed.Open()) }

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Sign returns a signature of msg for a purpose, SignatureSize bytes. Signing
// again gives another one. It panics after Clear.
func (k *PrivateKey) Sign(p Purpose, msg []byte) []byte { return k.sign(p.context(), msg) }

func (k *PrivateKey) sign(ctx string, msg []byte) []byte {
	if k.seed.Len() == 0 {
		panic("sign: the key was cleared")
	}
	m := k.suite.representative(ctx, msg)
	out := make([]byte, SignatureSize)
	if err := mldsa65.SignTo(k.mldsa.Open(), m, []byte(k.suite.label), true, out[:mldsa65.SignatureSize]); err != nil {
		panic(fmt.Sprintf("sign: %v", err)) // only for a context that is too long
	}
	copy(out[mldsa65.SignatureSize:], ed25519.Sign(k.edwards.Open(), m))
	return out
}

// Clear overwrites the key, expanded halves included. It may be called again,
// and on nil.
func (k *PrivateKey) Clear() {
	if k == nil {
		return
	}
	k.seed.Clear()
	k.edwards.Clear()
	if expanded := k.mldsa.Open(); expanded != nil {
		*expanded = mldsa65.PrivateKey{}
	}
}
