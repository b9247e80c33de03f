// Package strict reads JSON that is what it seems: one object, every member
// known by exactly its name and there once, nothing after it. Its errors do not
// repeat what they found, which may be a secret.
package strict

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Decode reads one JSON object into the struct that into points to, by the json
// tags of its fields; structs within it and lists of them are held to the same.
func Decode(text []byte, into any) error {
	start := space(text)
	if len(start) == 0 || start[0] != '{' {
		return errors.New("expected a JSON object")
	}
	if err := json.Unmarshal(text, into); err != nil {
		return malformed(err)
	}
	_, err := object(start, reflect.TypeOf(into).Elem())
	return err
}

// malformed says what is wrong without repeating what was there.
func malformed(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		found, _, _ := strings.Cut(kind.Value, " ") // of a number it repeats the digits
		return fmt.Errorf("%q: expected another value than this %s", kind.Field, found)
	case errors.As(err, &syntax):
		return fmt.Errorf("expected one JSON object; the text breaks off or errs at byte %d", syntax.Offset)
	}
	return err
}

// object checks the members of the object at the beginning of the text, which is
// valid JSON, and returns what follows it.
func object(text []byte, t reflect.Type) (rest []byte, err error) {
	seen := make([]bool, t.NumField())
	for rest = space(text[1:]); rest[0] != '}'; {
		if rest[0] == ',' {
			rest = space(rest[1:])
		}
		n := quoted(rest)
		i, err := field(t, rest[:n])
		if err != nil {
			return nil, err
		}
		if seen[i] {
			return nil, fmt.Errorf("%q: expected it once", tag(t, i))
		}
		seen[i] = true
		rest = space(space(rest[n:])[1:]) // after the colon
		if rest, err = value(rest, t.Field(i).Type); err != nil {
			return nil, err
		}
		rest = space(rest)
	}
	return rest[1:], nil
}

// value checks the value at the beginning of the text and returns what follows.
func value(text []byte, t reflect.Type) (rest []byte, err error) {
	switch {
	case t.Kind() == reflect.Struct && text[0] == '{':
		return object(text, t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && text[0] == '[':
		for rest = space(text[1:]); rest[0] != ']'; rest = space(rest) {
			if rest[0] == ',' {
				rest = space(rest[1:])
			}
			if rest, err = value(rest, t.Elem()); err != nil {
				return nil, err
			}
		}
		return rest[1:], nil
	}
	return text[skip(text):], nil
}

func tag(t reflect.Type, i int) string {
	name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
	return name
}

// field finds the field of a member by its name.
func field(t reflect.Type, quoted []byte) (int, error) {
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return 0, errors.New("expected the name of a member")
	}
	for i := range t.NumField() {
		if tag(t, i) == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown field %.40q", name)
}

// quoted is the length of the string at the beginning of the text.
func quoted(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// skip is the length of the value at the beginning of the text.
func skip(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += quoted(text[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

func space(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

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
