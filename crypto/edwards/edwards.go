// Package edwards holds Ed25519 keys (RFC 8032) in the expanded form, over
// filippo.io/edwards25519: what is left of a key whose scalar was not derived
// from a seed, such as the scalar that several holders made together.
//
// A private key is 64 bytes, scalar ‖ prefix: the two halves of SHA-512(seed)
// after clamping, in RFC 8032 §5.1.5. The scalar is an integer below 2^255,
// little-endian; the public key is scalar·B and the nonce of a signature is
// SHA-512(prefix ‖ message). Integers that are equal modulo the order L of B are
// one key. A reader takes the scalar as it is, or modulo L, and never clamps it:
// clamping changes a scalar that is not clamped already, and with it the public
// key. Keys made here are clamped, so that tools that clamp again, which is to
// say that change nothing, take them too. A scalar that is uniform modulo L is
// equal to a clamped one in one case of two.
//
// A public key is 32 bytes: the canonical encoding of a point of the subgroup of
// order L other than the identity.
//
// Operations with the scalar take constant time.
package edwards

import (
	"bytes"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"

	"filippo.io/edwards25519"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Sizes in bytes.
const (
	SeedSize       = 32
	ScalarSize     = 32
	PrivateKeySize = 64 // scalar ‖ prefix
	PublicKeySize  = 32
)

// PrivateKey does not print. Clear it after use: the proofs of a cleared key hold
// for nobody.
type PrivateKey struct {
	secret.Hidden
	box secret.Box[[PrivateKeySize]byte]
	pub []byte
}

// NewPrivateKey returns a random key.
func NewPrivateKey() *PrivateKey {
	seed := secret.Random(SeedSize)
	defer seed.Clear()
	k, err := FromSeed(seed)
	if err != nil {
		panic(err) // only for another length
	}
	return k
}

// FromSeed expands a seed, which RFC 8032 calls the private key. It stays the
// caller's.
func FromSeed(seed *secret.Bytes) (*PrivateKey, error) {
	if seed.Len() != SeedSize {
		return nil, fmt.Errorf("expand ed25519 seed: expected %d bytes, found %d", SeedSize, seed.Len())
	}
	b := sha512.Sum512(seed.Open())
	defer secret.Clear(b[:])
	b[0] &= 248
	b[31] &= 63
	b[31] |= 64
	expanded := secret.Copy(b[:])
	defer expanded.Clear()
	return ParsePrivateKey(expanded)
}

// ParsePrivateKey reads scalar ‖ prefix. It refuses a scalar of 2^255 or more, a
// multiple of L, and a prefix of zeros, with which every signature would give the
// scalar away. b stays the caller's.
func ParsePrivateKey(b *secret.Bytes) (*PrivateKey, error) {
	if b.Len() != PrivateKeySize {
		return nil, fmt.Errorf("parse ed25519 private key: expected %d bytes, scalar and prefix, found %d", PrivateKeySize, b.Len())
	}
	held := new([PrivateKeySize]byte)
	copy(held[:], b.Open())
	x := reduce(held[:ScalarSize])
	defer clearScalar(x)
	var err error
	switch {
	case held[ScalarSize-1]&0x80 != 0:
		err = errors.New("parse ed25519 private key: the scalar is not below 2^255")
	case x.Equal(edwards25519.NewScalar()) == 1:
		err = errors.New("parse ed25519 private key: the scalar is zero modulo the group order")
	case subtle.ConstantTimeCompare(held[ScalarSize:], make([]byte, PrivateKeySize-ScalarSize)) == 1:
		err = errors.New("parse ed25519 private key: the prefix is zero")
	}
	if err != nil {
		secret.Clear(held[:])
		return nil, err
	}
	return &PrivateKey{
		box: secret.NewBox(held),
		pub: new(edwards25519.Point).ScalarBaseMult(x).Bytes(),
	}, nil
}

// reduce returns an integer of 32 bytes modulo L.
func reduce(b []byte) *edwards25519.Scalar {
	var wide [64]byte
	defer secret.Clear(wide[:])
	copy(wide[:], b)
	return uniform(wide[:])
}

// uniform returns an integer of 64 bytes modulo L.
func uniform(b []byte) *edwards25519.Scalar {
	x, err := edwards25519.NewScalar().SetUniformBytes(b)
	if err != nil {
		panic(err) // only for another length
	}
	return x
}

func clearScalar(x *edwards25519.Scalar) { *x = edwards25519.Scalar{} }

// Bytes returns the 64-byte encoding, scalar ‖ prefix, which the caller clears.
func (k *PrivateKey) Bytes() *secret.Bytes { return secret.Copy(k.box.Open()[:]) }

// Public returns the public key, 32 bytes.
func (k *PrivateKey) Public() []byte { return bytes.Clone(k.pub) }

// Clear overwrites the key. It may be called again, and on nil.
func (k *PrivateKey) Clear() {
	if k != nil {
		secret.Clear(k.box.Open()[:])
	}
}

// eighth is 1/8 modulo L.
var eighth = func() *edwards25519.Scalar {
	eight := edwards25519.NewScalar()
	if _, err := eight.SetCanonicalBytes(append([]byte{8}, make([]byte, 31)...)); err != nil {
		panic(err)
	}
	return eight.Invert(eight)
}()

// CheckPublicKey refuses anything but the canonical encoding of a point of the
// subgroup of order L other than the identity.
func CheckPublicKey(pub []byte) error {
	_, err := parsePublicKey(pub)
	return err
}

func parsePublicKey(pub []byte) (*edwards25519.Point, error) {
	if len(pub) != PublicKeySize {
		return nil, fmt.Errorf("parse ed25519 public key: expected %d bytes, found %d", PublicKeySize, len(pub))
	}
	p, err := new(edwards25519.Point).SetBytes(pub)
	if err != nil || !bytes.Equal(p.Bytes(), pub) {
		return nil, errors.New("parse ed25519 public key: not the canonical encoding of a point on the curve")
	}
	if p.Equal(edwards25519.NewIdentityPoint()) == 1 {
		return nil, errors.New("parse ed25519 public key: the point is the identity")
	}
	// 8·p is in the subgroup, and an eighth of it is p where p is, and only there.
	cleared := new(edwards25519.Point).MultByCofactor(p)
	if new(edwards25519.Point).VarTimeDoubleScalarBaseMult(eighth, cleared, edwards25519.NewScalar()).Equal(p) != 1 {
		return nil, errors.New("parse ed25519 public key: the point is not in the subgroup")
	}
	return p, nil
}
