// Package strict reads JSON that is what it seems: one object, every member
// known by its name, in upper or lower case as encoding/json has it, and there
// once, nothing after it. Its errors do not repeat what they found, which may be a
// secret; nor does it keep a copy, as encoding/json's Decoder does, in a buffer
// that nobody can clear.
//
//	err := strict.Decode(text, &request)
//
// Addresses of servers are read in the same spirit: [BaseURL].
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// maxItems bounds the members and elements of a text, wherever in it they are. The
// shortest take two bytes in it and forty in memory, before anyone counts them.
const maxItems = 1 << 16

// Decode reads one JSON object into the struct that into points to, by the json
// tags of its own fields; structs within it, maps, and lists of them are held to
// the same. A field whose type has an UnmarshalJSON answers for itself, and its
// error comes back as it is.
func Decode(text []byte, into any) error {
	start := space(text)
	switch {
	case len(start) == 0:
		return errors.New("expected a JSON object; it is empty")
	case start[0] != '{':
		return errors.New("expected a JSON object")
	case bytes.Count(text, []byte{','}) >= maxItems:
		return fmt.Errorf("expected at most %d members and elements in all", maxItems)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return malformed(err, text)
	}
	_, err := value(start, reflect.TypeOf(into).Elem())
	return err
}

// malformed says what is wrong without repeating what was there.
func malformed(err error, text []byte) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		found, digits, _ := strings.Cut(kind.Value, " ")
		if digits != "" {
			found = "another " + found // the library repeats one that does not fit
		}
		return fmt.Errorf("%q: expected %s; found %s", kind.Field, expected(kind.Type), found)
	case errors.As(err, &syntax):
		if i := syntax.Offset - 1; 0 < i && i <= int64(len(text)) && json.Valid(text[:i]) {
			return errors.New("expected one JSON object and nothing after it")
		}
		return fmt.Errorf("expected one JSON object; the text breaks off or errs at byte %d", syntax.Offset)
	}
	return err
}

// expected names what a field takes in the words of JSON.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "base64 in a string"
		}
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return expected(t.Elem())
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return fmt.Sprintf("a whole number (%s)", t)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// value checks the value at the beginning of the text, which is valid JSON and
// fits the type, and returns what follows it.
func value(text []byte, t reflect.Type) (rest []byte, err error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch open := text[0]; {
	case reflect.PointerTo(t).Implements(unmarshaler):
	case t.Kind() == reflect.Struct && open == '{':
		return members(text, func(name string) (string, reflect.Type, error) { return field(t, name) })
	case t.Kind() == reflect.Map && open == '{':
		return members(text, func(name string) (string, reflect.Type, error) { return name, t.Elem(), nil })
	case t.Kind() == reflect.Slice && open == '[':
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
	return text[length(text):], nil
}

// members checks the object at the beginning of the text, whose members have the
// one spelling and the types that known tells, and returns what follows it.
func members(text []byte, known func(name string) (string, reflect.Type, error)) (rest []byte, err error) {
	seen := make(map[string]bool)
	for rest = space(text[1:]); rest[0] != '}'; rest = space(rest) {
		if rest[0] == ',' {
			rest = space(rest[1:])
		}
		n := quoted(rest)
		var name string
		if err := json.Unmarshal(rest[:n], &name); err != nil {
			return nil, errors.New("expected the name of a member")
		}
		one, t, err := known(name)
		if err != nil {
			return nil, err
		}
		if seen[one] {
			return nil, fmt.Errorf("%.40q: expected it once", name)
		}
		seen[one] = true
		rest = space(space(rest[n:])[1:]) // after the colon
		if rest, err = value(rest, t); err != nil {
			return nil, err
		}
	}
	return rest[1:], nil
}

// field is the name and the type of a member of a struct.
func field(t reflect.Type, name string) (string, reflect.Type, error) {
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); strings.EqualFold(tag, name) && tag != "" {
			return tag, t.Field(i).Type, nil
		}
	}
	return "", nil, fmt.Errorf("unknown field %.40q", name)
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

// length is that of the value at the beginning of the text, up to what ends it.
func length(text []byte) int {
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
