package strict

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Octets are bytes that are no secret: standard base64 in JSON, in its one
// canonical form.
type Octets []byte

// MarshalJSON writes a string.
func (o Octets) MarshalJSON() ([]byte, error) { return quote(o), nil }

// UnmarshalJSON reads a string.
func (o *Octets) UnmarshalJSON(text []byte) (err error) {
	*o, err = unquote(text)
	return err
}

// Material is a secret in JSON, as Octets are. It is decoded without leaving
// copies behind and does not print; it marshals by AppendMaterial alone.
type Material struct {
	secret.Hidden
	box secret.Box[secret.Bytes]
}

// UnmarshalJSON reads a string.
func (m *Material) UnmarshalJSON(text []byte) error {
	m.box.Open().Clear()
	b, err := unquote(text)
	m.box = secret.NewBox(secret.New(b))
	return err
}

// Bytes opens the secret: not a copy. Whoever holds the Material clears it.
func (m *Material) Bytes() *secret.Bytes { return m.box.Open() }

// AppendMaterial appends a secret as JSON. The caller clears the text.
func AppendMaterial(text []byte, s *secret.Bytes) []byte {
	q := quote(s.Open())
	defer secret.Clear(q)
	return append(text, q...)
}

func quote(b []byte) []byte {
	text := make([]byte, base64.StdEncoding.EncodedLen(len(b))+2)
	base64.StdEncoding.Encode(text[1:], b)
	text[0], text[len(text)-1] = '"', '"'
	return text
}

var errBase64 = errors.New("expected standard base64 in a string")

func unquote(text []byte) ([]byte, error) {
	if len(text) < 2 || text[0] != '"' || bytes.ContainsAny(text, `\`) {
		return nil, errBase64
	}
	text = text[1 : len(text)-1]
	b := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(b, text)
	if err != nil || base64.StdEncoding.EncodedLen(n) != len(text) {
		secret.Clear(b)
		return nil, errBase64
	}
	return b[:n:n], nil
}
