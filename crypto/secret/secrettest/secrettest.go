// Package secrettest checks that a type keeps its secret to itself.
package secrettest

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// verbs are fmt's, with the flags that change how a value is shown. %T and %p
// show no content.
var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%#q", "%x", "%X", "%#x", "% x", "%d", "%o", "%b", "%c", "%U", "%e", "%g", "%t",
}

// DoesNotLeak fails the test where v, or something that holds v, prints or
// marshals. plain are the secrets inside v, in any of their encodings.
func DoesNotLeak(t *testing.T, v any, plain ...[]byte) {
	t.Helper()
	for _, verb := range verbs {
		if got := fmt.Sprintf(verb, v); got != "[secret]" {
			t.Errorf("%s prints %q", verb, got)
		}
		holders := map[string]any{
			"exported field":   struct{ Held any }{v},
			"unexported field": struct{ held any }{v},
			"slice":            []any{v},
			"map":              map[string]any{"held": v},
			"pointer":          &struct{ held any }{v},
			"error":            fmt.Errorf("about "+verb, v),
		}
		for name, holder := range holders {
			got := fmt.Sprintf(verb, holder)
			for _, p := range plain {
				if shows(got, p) {
					t.Errorf("%s of a %s prints the secret: %s", verb, name, got)
				}
			}
		}
	}
	for name, marshal := range marshallers {
		for _, held := range []any{v, struct{ Held any }{v}} {
			if out, err := marshal(held); err == nil {
				t.Errorf("%s marshals %T as %q", name, held, out)
			}
		}
	}
}

var marshallers = map[string]func(any) ([]byte, error){
	"json": json.Marshal,
	"cbor": cbor.Marshal,
	"xml":  func(v any) ([]byte, error) { return written(xml.NewEncoder, v) },
	"gob":  func(v any) ([]byte, error) { return written(gob.NewEncoder, v) },
}

func written[E interface{ Encode(any) error }](encoder func(io.Writer) E, v any) ([]byte, error) {
	var b bytes.Buffer
	err := encoder(&b).Encode(v)
	return b.Bytes(), err
}

// shows looks for the usual renderings of p, also with its bytes reversed.
func shows(text string, p []byte) bool {
	reversed := slices.Clone(p)
	slices.Reverse(reversed)
	for _, b := range [][]byte{p, reversed} {
		for _, rendering := range []string{
			string(b),
			hex.EncodeToString(b),
			strings.ToUpper(hex.EncodeToString(b)),
			fmt.Sprintf("% x", b),
			strings.Trim(fmt.Sprint(b), "[]"),
			strings.Trim(fmt.Sprintf("%o", b), "[]"),
			strings.Trim(fmt.Sprintf("%b", b), "[]"),
			strings.Trim(fmt.Sprintf("%q", b), `"`),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"),
			base64.StdEncoding.EncodeToString(b),
		} {
			if len(rendering) > 0 && strings.Contains(text, rendering) {
				return true
			}
		}
	}
	return false
}
