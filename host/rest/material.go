package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Material is the secret in a request, base64 in JSON. It is decoded without
// leaving copies behind, and does not print; whoever holds it clears it.
type Material struct {
	secret.Hidden
	box secret.Box[secret.Bytes]
}

// NewMaterial puts a secret into a request. It makes no copy.
func NewMaterial(b *secret.Bytes) Material { return Material{box: secret.NewBox(b)} }

// Bytes opens the secret: not a copy, and nil where none was given.
func (m Material) Bytes() *secret.Bytes { return m.box.Open() }

// MarshalJSON writes a string of base64, for the client that sends it.
func (m Material) MarshalJSON() ([]byte, error) { return json.Marshal(m.Bytes().Open()) }

// UnmarshalJSON reads a string of base64. An error does not repeat it.
func (m *Material) UnmarshalJSON(text []byte) error {
	m.box.Open().Clear()
	m.box = secret.Box[secret.Bytes]{}
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
	m.box = secret.NewBox(secret.New(material[:n]))
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
