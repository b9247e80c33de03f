package pkcs11

import (
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/plugins/pkcs11/token"
	"github.com/milagro-dta/dta/protocol/fault"
)

// gcm is AES-256-GCM inside the token, with a random 96-bit IV: good for 2³² deposits under one key. The parameters
// are the IV that the token used.
var gcm = rung{
	name:       "gcm",
	use:        token.ForAES,
	parameters: token.IVSize,

	seal: func(s *token.Session, key token.Object, p place, plain []byte) ([]byte, []byte, error) {
		// The IV is made here because not every token makes one, and read back because some insist on their own.
		iv, sealed, err := s.EncryptGCM(key, secret.Random(token.IVSize).Open(), p.aad, plain)
		if err != nil {
			return nil, nil, err
		}
		if len(iv) != token.IVSize {
			return nil, nil, fault.New(fault.Unsupported, "pkcs11: rung gcm: the token replaced the IV by one of %d bytes", len(iv))
		}
		return iv, sealed, nil
	},

	open: func(s *token.Session, key token.Object, p place, iv, sealed []byte) ([]byte, error) {
		return s.DecryptGCM(key, iv, p.aad, sealed)
	},
}
