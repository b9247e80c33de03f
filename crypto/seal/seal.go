package seal

import (
	"crypto/hpke"
	"fmt"

	"github.com/milagro-dta/dta/crypto/secret"
)

// SealTo encrypts to a public key: enc ‖ ciphertext, SealOverhead bytes longer
// than the plaintext. It opens only with the same info and aad. Both are
// authenticated, neither is carried.
func (s Suite) SealTo(pub, info, aad, plaintext []byte) ([]byte, error) {
	key, err := s.publicKey(pub)
	if err != nil {
		return nil, err
	}
	enc, sender, err := hpke.NewSender(key, s.kdf, s.aead, info)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	ciphertext, err := sender.Seal(aad, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return append(enc, ciphertext...), nil
}

// OpenWith decrypts what SealTo made for the public half of k. The error is
// ErrOpen whatever the reason. The caller clears the plaintext.
func (s Suite) OpenWith(k *PrivateKey, info, aad, sealed []byte) (*secret.Bytes, error) {
	key := k.key.Open()
	if key == nil || len(sealed) < SealOverhead {
		return nil, ErrOpen
	}
	enc, ciphertext := sealed[:EncapsulationSize], sealed[EncapsulationSize:]
	recipient, err := hpke.NewRecipient(enc, *key, s.kdf, s.aead, info)
	if err != nil {
		return nil, ErrOpen
	}
	plaintext, err := recipient.Open(aad, ciphertext)
	if err != nil {
		return nil, ErrOpen
	}
	return secret.New(plaintext), nil
}
