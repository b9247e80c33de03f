package rest

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/milagro-dta/dta/protocol/fault"
)

// members checks the names of an object's members against the fields of the
// struct that into points to: each is one, in upper or lower case as
// encoding/json has it, and none is there twice. The text is valid JSON.
func members(text []byte, into any) error {
	known := reflect.TypeOf(into).Elem()
	seen := make([]bool, known.NumField())
	for rest := space(text)[1:]; ; {
		switch rest = space(rest); rest[0] {
		case '}':
			return nil
		case ',':
			rest = rest[1:]
			continue
		}
		n := quoted(rest)
		var name string
		if err := json.Unmarshal(rest[:n], &name); err != nil {
			return fault.New(fault.Invalid, "body: expected the name of a member")
		}
		i := field(known, name)
		if i < 0 {
			return fault.New(fault.Invalid, "body: unknown field %q", clip(name))
		}
		if seen[i] {
			return fault.New(fault.Invalid, "body: %q: expected it once", clip(name))
		}
		seen[i] = true
		rest = space(rest[n:])[1:] // the colon
		rest = rest[value(rest):]
	}
}

// field finds the field that a member is decoded into; -1: none.
func field(t reflect.Type, name string) int {
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if strings.EqualFold(tag, name) {
			return i
		}
	}
	return -1
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

// value is the length of the value at the beginning of the text, with the space
// around it: up to the comma or brace that ends the member.
func value(text []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch text[i] {
		case '"':
			i += quoted(text[i:]) - 1
		case '{', '[':
			depth++
		case ']':
			depth--
		case '}', ',':
			if depth == 0 {
				return i
			}
			if text[i] == '}' {
				depth--
			}
		}
	}
}
