package strict_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
	"github.com/milagro-dta/dta/protocol/strict"
)

type inner struct {
	A int           `json:"a"`
	B strict.Octets `json:"b,omitempty"`
}

type outer struct {
	Name  string          `json:"name"`
	One   inner           `json:"one"`
	List  []inner         `json:"list"`
	Words []string        `json:"words"`
	Map   map[string]any  `json:"map"`
	Maybe *inner          `json:"maybe"`
	Key   strict.Material `json:"key"`
}

func TestWhatIsKnownIsRead(t *testing.T) {
	var got outer
	if err := strict.Decode([]byte("\n"+`{"name":"a\"}{,é", "one" : {"b":"AQI=","a":7}, "list":[ {"a":1} , {"a":2,"b":""} ],"words":["[","}"],"map":{"a":{"}":1},"A":[]},"maybe":{"a":3},"key":"c2VjcmV0" } `), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != `a"}{,é` || got.One.A != 7 || string(got.One.B) != "\x01\x02" || len(got.List) != 2 || got.List[1].A != 2 || len(got.Map) != 2 || got.Maybe.A != 3 || string(got.Key.Bytes().Open()) != "secret" {
		t.Errorf("found %+v", got)
	}
}

func TestWhatIsNotWhatItSeemsIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                       ``,
		"white space":                   " \n",
		"no object":                     `[]`,
		"null":                          `null`,
		"two objects":                   `{}{}`,
		"something after it":            `{} x`,
		"an end in the middle":          `{"name":`,
		"an unknown member":             `{"nmae":"a"}`,
		"a member twice, in two cases":  `{"name":"a","Name":"b"}`,
		"twice in two cases within":     `{"one":{"A":1,"a":2}}`,
		"a member twice":                `{"name":"a","name":"b"}`,
		"a member twice, once escaped":  `{"name":"a","n\u0061me":"b"}`,
		"an unknown member within":      `{"one":{"c":1}}`,
		"a member twice within":         `{"one":{"a":1,"a":2}}`,
		"an unknown member in a list":   `{"list":[{"a":1},{"c":1}]}`,
		"a member twice in a list":      `{"list":[{"a":1,"a":1}]}`,
		"a member twice in a map":       `{"map":{"a":1,"\u0061":1}}`,
		"an unknown member, maybe":      `{"maybe":{"c":1}}`,
		"a member without a name":       `{"":1}`,
		"another type":                  `{"name":1}`,
		"a number out of range":         `{"one":{"a":99999999999999999999}}`,
		"base64 without its padding":    `{"one":{"b":"AQI"}}`,
		"base64 with bits left over":    `{"one":{"b":"AQJ="}}`,
		"base64 for addresses":          `{"one":{"b":"-_-_"}}`,
		"base64 in lines":               `{"one":{"b":"AQ\nI="}}`,
		"octets that are no string":     `{"one":{"b":[1,2]}}`,
		"a secret that is no string":    `{"key":null}`,
		"a secret that is not base64":   `{"key":"*hush*"}`,
		"text that is no JSON":          "{\"name\":\"a\x01\"}",
		"an object where a string goes": `{"name":{"name":"a"}}`,
	} {
		var got outer
		err := strict.Decode([]byte(text), &got)
		if err == nil {
			t.Errorf("%s: expected an error; found %+v", name, got)
		} else if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "9999") {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

func TestAnErrorSaysWhatWasExpected(t *testing.T) {
	for text, want := range map[string]string{
		``:                            `expected a JSON object; it is empty`,
		`[]`:                          `expected a JSON object`,
		`{} {}`:                       `expected one JSON object and nothing after it`,
		`{"name":"a`:                  `expected one JSON object; the text breaks off or errs at byte 10`,
		`{"nmae":"a"}`:                `unknown field "nmae"`,
		`{"one":{"a":1,"a":2}}`:       `"a": expected it once`,
		`{"name":7}`:                  `"name": expected a string; found number`,
		`{"one":{"a":"7"}}`:           `"one.a": expected a whole number (int); found string`,
		`{"one":{"a":7.5}}`:           `"one.a": expected a whole number (int); found another number`,
		`{"list":{}}`:                 `"list": expected a list; found object`,
		`{"map":[]}`:                  `"map": expected an object; found array`,
		`{"maybe":true}`:              `"maybe": expected an object; found bool`,
		`{"one":{"b":"not base 64"}}`: `expected standard base64 in a string`,
	} {
		if err := strict.Decode([]byte(text), new(outer)); err == nil || err.Error() != want {
			t.Errorf("%s: expected %q; found %v", text, want, err)
		}
	}
}

func TestASecretDoesNotPrint(t *testing.T) {
	var got outer
	if err := strict.Decode([]byte(`{"key":"dGhlIHNlY3JldCBpdHNlbGY="}`), &got); err != nil {
		t.Fatal(err)
	}
	secrettest.DoesNotLeak(t, &got.Key, got.Key.Bytes().Open())
	if text := strict.AppendMaterial([]byte(`k:`), got.Key.Bytes()); string(text) != `k:"dGhlIHNlY3JldCBpdHNlbGY="` {
		t.Errorf("found %s", text)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"a\"}{,","one":{"b":"AQI=","a":7},"list":[{"a":1},{"a":2,"b":""}],"words":["[","}"],"key":"c2Vj"}`))
	f.Add([]byte(`{"list":[],"one":{},"maybe":null,"map":{"a":{"}":"{"}}}`))
	f.Add([]byte(`{"Name":"a"}`))
	f.Add([]byte(`{"map":{"a":{},"a":[]}}`))
	f.Add([]byte(`{"words":[7]}`))
	f.Add([]byte(`{} {}`))
	f.Add([]byte(`{"name":"a","name":"b"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got outer
		if strict.Decode(text, &got) != nil {
			return
		}
		// Whoever reads it in another way reads the same.
		var want outer
		plain := json.NewDecoder(bytes.NewReader(text))
		plain.DisallowUnknownFields()
		if err := plain.Decode(&want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if d := cmp.Diff(want, got, cmp.Transformer("key", func(m strict.Material) []byte { return m.Bytes().Open() })); d != "" {
			t.Fatal(d)
		}
		if _, err := plain.Token(); !errors.Is(err, io.EOF) {
			t.Fatal("accepted something after the object")
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatalf("accepted what is no object: %v", err)
		}
		for name := range members {
			if !slices.ContainsFunc([]string{"name", "one", "list", "words", "map", "maybe", "key"}, func(known string) bool {
				return strings.EqualFold(known, name)
			}) {
				t.Fatalf("accepted the member %q", name)
			}
		}
		if text := fmt.Sprint(got.Key); text != fmt.Sprint(secret.Hidden{}) {
			t.Fatal("a secret prints")
		}
	})
}
