package bls

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/secret"
	blst "github.com/supranational/blst/bindings/go"
)

// PrivateKey signs. It does not print. Clear it after use: a cleared key makes
// signatures that nobody accepts.
type PrivateKey struct {
	secret.Hidden
	x      *Scalar
	public *PublicKey
}

// NewPrivateKey returns a random key.
func NewPrivateKey() *PrivateKey { return newPrivateKey(RandomScalar()) }

// ParsePrivateKey reads 32 bytes big-endian. It refuses 0 and values of the
// group order or more. b stays the caller's.
func ParsePrivateKey(b *secret.Bytes) (*PrivateKey, error) {
	x, err := ParseScalar(b.Open())
	if err != nil {
		return nil, fmt.Errorf("parse BLS private key: %w", err)
	}
	if x.IsZero() {
		return nil, errors.New("parse BLS private key: zero")
	}
	return newPrivateKey(x), nil
}

func newPrivateKey(x *Scalar) *PrivateKey {
	public := new(PublicKey)
	public.p.From(x.open())
	copy(public.b[:], public.p.Compress())
	return &PrivateKey{x: x, public: public}
}

// Bytes returns the 32-byte encoding, which the caller clears.
func (k *PrivateKey) Bytes() *secret.Bytes { return k.x.Bytes() }

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Sign returns the signature of msg in domain d, 96 bytes. It is deterministic.
func (k *PrivateKey) Sign(d Domain, msg []byte) []byte { return k.sign(d.tag(), msg) }

// ProvePossession returns the proof, 96 bytes, that whoever shows the public
// key holds this one.
func (k *PrivateKey) ProvePossession() []byte { return k.sign(possessionTag, k.public.b[:]) }

func (k *PrivateKey) sign(tag, msg []byte) []byte {
	return new(blst.P2Affine).Sign(k.x.open(), msg, tag).Compress()
}

// Clear overwrites the key. It may be called again, and on nil.
func (k *PrivateKey) Clear() {
	if k != nil {
		k.x.Clear()
	}
}

// PublicKey is a checked public key: canonically encoded, on the curve, in the
// subgroup, not the identity. It does not change and may be shared.
type PublicKey struct {
	p blst.P1Affine
	b [PublicKeySize]byte
}

// ParsePublicKey reads 48 bytes. The check of the subgroup is part of it, the
// proof of possession is not.
func ParsePublicKey(b []byte) (*PublicKey, error) {
	k := new(PublicKey)
	if err := parseG1(&k.p, b); err != nil {
		return nil, fmt.Errorf("parse BLS public key: %w", err)
	}
	copy(k.b[:], b)
	return k, nil
}

// Bytes returns the 48-byte encoding.
func (p *PublicKey) Bytes() []byte { return bytes.Clone(p.b[:]) }

// Equal tells whether both are the same key.
func (p *PublicKey) Equal(q *PublicKey) bool { return p.b == q.b }

// Verify checks the signature of msg in domain d. Where the signature is well
// formed and wrong the error is ErrSignature.
func (p *PublicKey) Verify(d Domain, msg, sig []byte) error {
	return verify(&p.p, msg, d.tag(), sig)
}

// VerifyPossession checks what ProvePossession made.
func (p *PublicKey) VerifyPossession(proof []byte) error {
	if err := verify(&p.p, p.b[:], possessionTag, proof); err != nil {
		return fmt.Errorf("proof of possession: %w", err)
	}
	return nil
}
