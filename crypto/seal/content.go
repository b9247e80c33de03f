package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Encrypt encrypts under a key of 32 bytes: nonce(12) ‖ ciphertext ‖ tag(16).
// Nonces are random: a key is good for 2^32 messages, and most here serve one.
func (s Suite) Encrypt(key *secret.Bytes, aad, plaintext []byte) ([]byte, error) {
	aead, err := contentCipher(key)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return aead.Seal(nil, nil, plaintext, aad), nil
}

// Decrypt is the inverse of Encrypt. The error is ErrOpen unless the key has a
// wrong size. The caller clears the plaintext.
func (s Suite) Decrypt(key *secret.Bytes, aad, ciphertext []byte) (*secret.Bytes, error) {
	aead, err := contentCipher(key)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	plaintext, err := aead.Open(nil, nil, ciphertext, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return secret.New(plaintext), nil
}

func contentCipher(key *secret.Bytes) (cipher.AEAD, error) {
	if key.Len() != KeySize {
		return nil, fmt.Errorf("expected a key of %d bytes, found %d", KeySize, key.Len())
	}
	block, err := aes.NewCipher(key.Open())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Derive returns n ≤ 8160 bytes of HKDF-SHA256 (RFC 5869), which the caller
// clears. It panics when n is out of range: lengths are constants.
func (s Suite) Derive(ikm *secret.Bytes, salt []byte, info string, n int) *secret.Bytes {
	okm, err := hkdf.Key(sha256.New, ikm.Open(), salt, info, n)
	if err != nil {
		panic(fmt.Sprintf("derive %d bytes: %v", n, err))
	}
	return secret.New(okm)
}
