package sign

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// PublicKey is a public key of the right size. It does not change and may be
// shared. What verifying expands of it is kept in the suite's cache, so that
// many keys cost little memory and the busy ones little time.
type PublicKey struct {
	suite Suite
	b     [PublicKeySize]byte
}

// ParsePublicKey reads 1,984 bytes: ML-DSA-65's encoding, 1,952, and Ed25519's,
// 32. Every ML-DSA encoding of that size is a key and canonical; whether the
// Ed25519 half is a point of the curve shows when a signature is verified, which
// then fails.
func (s Suite) ParsePublicKey(b []byte) (*PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, fmt.Errorf("parse public signing key: expected %d bytes, found %d", PublicKeySize, len(b))
	}
	return &PublicKey{suite: s, b: [PublicKeySize]byte(b)}, nil
}

// expanded is the ML-DSA half with its matrix, from the cache where it is there.
func (k *PublicKey) expanded() *mldsa65.PublicKey {
	half := [mldsa65.PublicKeySize]byte(k.b[:mldsa65.PublicKeySize])
	if known, ok := k.suite.keys.Get(half); ok {
		return known
	}
	key := new(mldsa65.PublicKey)
	key.Unpack(&half)
	k.suite.keys.Put(half, key)
	return key
}

// Bytes returns the 1,984-byte encoding.
func (k *PublicKey) Bytes() []byte { return bytes.Clone(k.b[:]) }

// Equal tells whether both are the same key.
func (k *PublicKey) Equal(other *PublicKey) bool {
	return k.suite.Name == other.suite.Name && k.b == other.b
}

// Verify checks a signature of msg for a purpose. A signature of another size is
// refused before anything is computed. Where the size is right and the signature
// wrong, the error is ErrSignature.
func (k *PublicKey) Verify(p Purpose, msg, sig []byte) error { return k.verify(p.context(), msg, sig) }

func (k *PublicKey) verify(ctx string, msg, sig []byte) error {
	if len(sig) != SignatureSize {
		return fmt.Errorf("verify signature: expected %d bytes, found %d", SignatureSize, len(sig))
	}
	m := k.suite.representative(ctx, msg)
	// The cheaper half first. A signature is public, so its time is no secret.
	if !ed25519.Verify(k.b[mldsa65.PublicKeySize:], m, sig[mldsa65.SignatureSize:]) ||
		!mldsa65.Verify(k.expanded(), m, []byte(k.suite.label), sig[:mldsa65.SignatureSize]) {
		return ErrSignature
	}
	return nil
}
