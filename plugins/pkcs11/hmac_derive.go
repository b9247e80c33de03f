package pkcs11

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	kekLabel = "dta/pkcs11/kek/v1"
	saltSize = 32
)

// hmacDerive works on every token that was tried. Each deposit has a key of its own,
//
//	KEK = HMAC-SHA256(token key, label ‖ len(realm) ‖ realm ‖ len(key id) ‖ key id ‖ salt)
//
// with lengths of two bytes, computed in the token; it lives in this process for microseconds and seals by AES-256-GCM.
// The parameters are salt (32 bytes) ‖ IV (12 bytes).
var hmacDerive = rung{
	name:       "hmac-derive",
	use:        token.ForHMAC,
	parameters: saltSize + token.IVSize,

	seal: func(s *token.Session, key token.Object, p place, plain []byte) ([]byte, []byte, error) {
		parameters := secret.Random(saltSize + token.IVSize).Open()
		aead, err := deriveKEK(s, key, p, parameters[:saltSize])
		if err != nil {
			return nil, nil, err
		}
		return parameters, aead.Seal(nil, parameters[saltSize:], plain, p.aad), nil
	},

	open: func(s *token.Session, key token.Object, p place, parameters, sealed []byte) ([]byte, error) {
		aead, err := deriveKEK(s, key, p, parameters[:saltSize])
		if err != nil {
			return nil, err
		}
		plain, err := aead.Open(nil, parameters[saltSize:], sealed, p.aad)
		if err != nil {
			return nil, fault.New(fault.Denied, "pkcs11: rung hmac-derive: deposit does not open: it was changed, or belongs to something else")
		}
		return plain, nil
	},
}

func deriveKEK(s *token.Session, key token.Object, p place, salt []byte) (cipher.AEAD, error) {
	message := []byte(kekLabel)
	for _, part := range [][]byte{[]byte(p.realm), p.key} {
		message = binary.BigEndian.AppendUint16(message, uint16(len(part)))
		message = append(message, part...)
	}
	kek, err := s.HMAC(key, slices.Concat(message, salt))
	if err != nil {
		return nil, err
	}
	defer secret.Clear(kek)
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fault.New(fault.Internal, "pkcs11: rung hmac-derive: %w", err)
	}
	return cipher.NewGCM(block)
}
