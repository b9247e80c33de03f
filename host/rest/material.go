package rest

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Material is the secret in a request, base64 in JSON. It is decoded without
// leaving copies behind; whoever holds it clears it.
type Material []byte

// UnmarshalJSON reads a string of base64. An error does not repeat it.
func (m *Material) UnmarshalJSON(text []byte) error {
	secret.Clear(*m)
	*m = nil
	if len(text) < 2 || text[0] != '"' {
		if string(text) == "null" {
			// Whoever sent it may have meant to send a secret, and would get a key.
			return fault.New(fault.Invalid, "secret: expected base64 in a string, or for a key no such member; found null")
		}
		return fault.New(fault.Invalid, "secret: expected base64 in a string")
	}
	text = text[1 : len(text)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		plain, ok := unescape(text)
		defer secret.Clear(plain)
		if !ok {
			return fault.New(fault.Invalid, "secret: expected base64")
		}
		text = plain
	}
	material := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(material, text)
	if err != nil {
		secret.Clear(material)
		return fault.New(fault.Invalid, "secret: expected base64: %w", err)
	}
	*m = material[:n]
	return nil
}

// unescape takes JSON's escapes out of base64; some encoders escape the slash.
func unescape(text []byte) (plain []byte, ok bool) {
	plain = make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		b := text[i]
		if b == '\\' {
			switch i++; text[i] {
			case '/':
				b = '/'
			case 'n', 'r':
				continue
			case 'u':
				code, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 16)
				if err != nil || code >= 0x80 {
					return plain, false
				}
				b, i = byte(code), i+4
			default:
				return plain, false
			}
		}
		plain = append(plain, b)
	}
	return plain, true
}
