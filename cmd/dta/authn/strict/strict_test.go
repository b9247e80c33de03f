package strict_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/cmd/dta/authn/strict"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
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
	Key   strict.Material `json:"key"`
}

func TestWhatIsKnownIsRead(t *testing.T) {
	var got outer
	if err := strict.Decode([]byte("\n"+`{"name":"a\"}{,é", "one" : {"b":"AQI=","a":7}, "list":[ {"a":1} , {"a":2,"b":""} ],"words":["[","}"],"key":"c2VjcmV0" } `), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != `a"}{,é` || got.One.A != 7 || string(got.One.B) != "\x01\x02" || len(got.List) != 2 || got.List[1].A != 2 || string(got.Key.Bytes().Open()) != "secret" {
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
		"a known member in other case":  `{"Name":"a"}`,
		"a member twice":                `{"name":"a","name":"b"}`,
		"a member twice, once escaped":  `{"name":"a","n\u0061me":"b"}`,
		"an unknown member within":      `{"one":{"c":1}}`,
		"a member twice within":         `{"one":{"a":1,"a":2}}`,
		"an unknown member in a list":   `{"list":[{"a":1},{"c":1}]}`,
		"a member twice in a list":      `{"list":[{"a":1,"a":1}]}`,
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
	f.Add([]byte(`{"list":[],"one":{}}`))
	f.Add([]byte(`{"name":"a","name":"b"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got outer
		if strict.Decode(text, &got) != nil {
			return
		}
		// Whoever reads it in another way reads the same.
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatalf("accepted what is no object: %v", err)
		}
		for name := range members {
			if _, ok := reflect.TypeOf(got).FieldByNameFunc(func(f string) bool {
				field, _ := reflect.TypeOf(got).FieldByName(f)
				return field.Tag.Get("json") == name
			}); !ok {
				t.Fatalf("accepted the member %q", name)
			}
		}
		if text := fmt.Sprint(got.Key); text != fmt.Sprint(secret.Hidden{}) {
			t.Fatal("a secret prints")
		}
	})
}
