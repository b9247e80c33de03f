// Package secp holds secp256k1 keys as wallets use them: ECDSA with
// deterministic nonces (RFC 6979) and low S (BIP 62), over decred's
// implementation.
//
// Encodings: a private key is 32 bytes big-endian in [1, n); a public key 33
// bytes, compressed (SEC 1 §2.3.3); a signature 64 bytes, r ‖ s. Each value has
// one encoding, so that a signature cannot be changed into another valid one.
package secp

import (
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Sizes in bytes.
const (
	PrivateKeySize   = 32
	PublicKeySize    = 33
	UncompressedSize = 65
	SignatureSize    = 64
)

// ErrSignature says that a signature is well formed and wrong.
var ErrSignature = errors.New("secp256k1 signature does not verify")

// PrivateKey does not print. Clear it after use.
type PrivateKey struct {
	secret.Hidden
	box secret.Box[secp256k1.PrivateKey]
	pub [PublicKeySize]byte
}

// NewPrivateKey returns a random key.
func NewPrivateKey() (*PrivateKey, error) {
	d, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, fmt.Errorf("make secp256k1 key: %w", err)
	}
	return newPrivateKey(d), nil
}

// ParsePrivateKey reads 32 bytes big-endian. It refuses 0 and values of the
// group order or more. b stays the caller's.
func ParsePrivateKey(b *secret.Bytes) (*PrivateKey, error) {
	if b.Len() != PrivateKeySize {
		return nil, fmt.Errorf("parse secp256k1 private key: expected %d bytes, got %d", PrivateKeySize, b.Len())
	}
	var d secp256k1.ModNScalar
	defer d.Zero()
	if overflow := d.SetByteSlice(b.Open()); overflow || d.IsZero() {
		return nil, errors.New("parse secp256k1 private key: not in the range from 1 to the group order")
	}
	return newPrivateKey(secp256k1.NewPrivateKey(&d)), nil
}

func newPrivateKey(d *secp256k1.PrivateKey) *PrivateKey {
	k := &PrivateKey{box: secret.NewBox(d)}
	copy(k.pub[:], d.PubKey().SerializeCompressed())
	return k
}

// Bytes returns the 32-byte encoding, which the caller clears.
func (k *PrivateKey) Bytes() *secret.Bytes { return secret.New(k.box.Open().Serialize()) }

// Public returns the compressed public key, 33 bytes.
func (k *PrivateKey) Public() []byte { return append([]byte(nil), k.pub[:]...) }

// Clear overwrites the key. It may be called again, and on nil.
func (k *PrivateKey) Clear() {
	if k != nil {
		k.box.Open().Zero()
	}
}

// Sign returns r ‖ s with s at most half the group order. The same key and
// digest give the same signature.
func (k *PrivateKey) Sign(digest [32]byte) []byte {
	sig := ecdsa.Sign(k.box.Open(), digest[:])
	r, s := sig.R(), sig.S()
	out := make([]byte, SignatureSize)
	r.PutBytesUnchecked(out[:32])
	s.PutBytesUnchecked(out[32:])
	return out
}

// Verify checks a signature of 64 bytes over a digest. It refuses a high S,
// the malleable twin of a valid signature.
func Verify(pub []byte, digest [32]byte, sig []byte) error {
	key, err := parsePublicKey(pub)
	if err != nil {
		return err
	}
	if len(sig) != SignatureSize {
		return fmt.Errorf("verify secp256k1 signature: expected %d bytes, got %d", SignatureSize, len(sig))
	}
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) {
		return errors.New("verify secp256k1 signature: r or s is not below the group order")
	}
	if s.IsOverHalfOrder() {
		return errors.New("verify secp256k1 signature: s is above half the group order")
	}
	if !ecdsa.NewSignature(&r, &s).Verify(digest[:], key) {
		return ErrSignature
	}
	return nil
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
		return nil, fmt.Errorf("parse secp256k1 public key: expected %d bytes, got %d", PublicKeySize, len(pub))
	}
	key, err := secp256k1.ParsePubKey(pub)
	if err != nil {
		return nil, fmt.Errorf("parse secp256k1 public key: %w", err)
	}
	return key, nil
}
