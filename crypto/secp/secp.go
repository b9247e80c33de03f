// Package secp holds secp256k1 keys as wallets use them: ECDSA with
// deterministic nonces (RFC 6979) and low s (BIP 62), over decred's arithmetic.
//
// Encodings: a private key is 32 bytes big-endian in [1, n); a public key 33
// bytes, compressed (SEC 1 §2.3.3); a signature 64 bytes, r ‖ s. Each value has
// one encoding, and a signature cannot be changed into another valid one. A proof
// of possession is no signature, and the other way round.
package secp

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Sizes in bytes.
const (
	PrivateKeySize = 32
	PublicKeySize  = 33
	SignatureSize  = 64
)

// PrivateKey does not print. Clear it after use: a cleared key makes signatures
// that nobody accepts.
type PrivateKey struct {
	secret.Hidden
	box secret.Box[secp256k1.ModNScalar]
	pub []byte
}

// NewPrivateKey returns a random key.
func NewPrivateKey() *PrivateKey { return newPrivateKey(randomScalar()) }

// ParsePrivateKey reads 32 bytes big-endian. It refuses 0 and values of the
// group order or more. b stays the caller's.
func ParsePrivateKey(b *secret.Bytes) (*PrivateKey, error) {
	if b.Len() != PrivateKeySize {
		return nil, fmt.Errorf("parse secp256k1 private key: expected %d bytes, found %d", PrivateKeySize, b.Len())
	}
	d := new(secp256k1.ModNScalar)
	if overflow := d.SetByteSlice(b.Open()); overflow || d.IsZero() {
		d.Zero()
		return nil, errors.New("parse secp256k1 private key: not in the range from 1 to the group order")
	}
	return newPrivateKey(d), nil
}

func newPrivateKey(d *secp256k1.ModNScalar) *PrivateKey {
	point := baseMult(d)
	return &PrivateKey{
		box: secret.NewBox(d),
		pub: secp256k1.NewPublicKey(&point.X, &point.Y).SerializeCompressed(),
	}
}

// Bytes returns the 32-byte encoding, which the caller clears.
func (k *PrivateKey) Bytes() *secret.Bytes {
	b := make([]byte, PrivateKeySize)
	k.box.Open().PutBytesUnchecked(b)
	return secret.New(b)
}

// Public returns the compressed public key, 33 bytes.
func (k *PrivateKey) Public() []byte { return bytes.Clone(k.pub) }

// Clear overwrites the key. It may be called again, and on nil.
func (k *PrivateKey) Clear() {
	if k != nil {
		k.box.Open().Zero()
	}
}

// CheckPublicKey refuses anything but the compressed encoding, 33 bytes, of a
// point on the curve. (The group has prime order: there is no subgroup to leave.)
func CheckPublicKey(pub []byte) error {
	_, err := parsePublicKey(pub)
	return err
}

// Uncompressed turns a compressed key into its 65-byte encoding 04 ‖ x ‖ y.
func Uncompressed(pub []byte) ([]byte, error) {
	key, err := parsePublicKey(pub)
	if err != nil {
		return nil, err
	}
	return key.SerializeUncompressed(), nil
}

func parsePublicKey(pub []byte) (*secp256k1.PublicKey, error) {
	if len(pub) != PublicKeySize {
		return nil, fmt.Errorf("parse secp256k1 public key: expected %d bytes, found %d", PublicKeySize, len(pub))
	}
	key, err := secp256k1.ParsePubKey(pub)
	if err != nil {
		return nil, fmt.Errorf("parse secp256k1 public key: %w", err)
	}
	return key, nil
}
