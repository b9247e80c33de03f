package envelope

import (
	"bytes"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// plainHead is what every plaintext begins with, before the salt: DAG-CBOR for
// "a list of two, the first of them 32 bytes".
var plainHead = []byte{0x82, 0x58, SaltSize}

// encodePlain returns [salt, body] with a new salt.
func encodePlain(body any) ([]byte, error) {
	b, err := dag.Encode(body)
	if err != nil {
		return nil, err
	}
	salt := secret.Random(SaltSize)
	plain := make([]byte, 0, len(plainHead)+SaltSize+len(b))
	plain = append(plain, plainHead...)
	plain = append(plain, salt.Open()...)
	return append(plain, b...), nil
}

// DecodePlain fills body, a pointer to a zero value, from a plaintext.
func DecodePlain(plain []byte, body any) error {
	if len(plain) < len(plainHead)+SaltSize || !bytes.HasPrefix(plain, plainHead) {
		return fault.New(fault.Invalid, "plaintext: expected a list of a salt of %d bytes and a body, found something else", SaltSize)
	}
	return dag.Decode(plain[len(plainHead)+SaltSize:], body)
}
