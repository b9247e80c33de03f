package authn_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/milagro-dta/dta/cmd/dta/authn"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
	"github.com/milagro-dta/dta/protocol/strict"
)

func keys(t *testing.T, key string, tr authn.Transcript) *authn.Keys {
	t.Helper()
	k, err := authn.NewKeys(secret.Copy([]byte(key)), &tr)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEveryPartOfTheTranscriptMakesOtherKeys(t *testing.T) {
	tr := authn.Transcript{
		Suite: "s", Network: "n", Server: "d", Session: "i", Name: "anna", Enrolment: 1, Day: "2027-01-15",
		Commitment: []byte("u"), Y: []byte("y"), V: []byte("v"), Z: []byte("z"), W: []byte("w"),
	}
	first := keys(t, "key", tr)
	seen := map[string]string{string(first.Session().Open()): "the first"}
	differs := func(name string, k *authn.Keys) {
		t.Helper()
		for _, b := range [][]byte{k.Session().Open(), k.ServerConfirms(), k.ClientConfirms()} {
			if other, ok := seen[string(b)]; ok && name != "the first" {
				t.Errorf("%s has a key of %s", name, other)
			}
			seen[string(b)] = name
		}
	}
	differs("the first", first)
	differs("another key", keys(t, "kez", tr))
	v := reflect.ValueOf(&tr).Elem()
	for i := range v.NumField() {
		changed := tr
		switch f := reflect.ValueOf(&changed).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString(f.String() + "x")
		case reflect.Uint64:
			f.SetUint(2)
		default:
			f.SetBytes([]byte("x"))
		}
		differs(v.Type().Field(i).Name, keys(t, "key", changed))
	}
	moved := tr
	moved.Suite, moved.Network = "sn", ""
	differs("a border moved", keys(t, "key", moved))
}

func TestBothSidesConfirmEachOtherAndNotThemselves(t *testing.T) {
	a, b := keys(t, "key", authn.Transcript{Name: "anna"}), keys(t, "key", authn.Transcript{Name: "anna"})
	if !authn.Confirmed(a.ServerConfirms(), b.ServerConfirms()) || !authn.Confirmed(a.ClientConfirms(), b.ClientConfirms()) {
		t.Error("one key does not confirm itself")
	}
	if authn.Confirmed(a.ServerConfirms(), b.ClientConfirms()) || authn.Confirmed(a.ServerConfirms(), nil) {
		t.Error("one side's proof passes for the other's")
	}
	secrettest.DoesNotLeak(t, a, a.Session().Open())
	a.Clear()
	if a.Session().Len() != 0 || bytes.Equal(a.ServerConfirms(), b.ServerConfirms()) {
		t.Error("keys survived Clear")
	}
}

// FuzzBodies: what comes from a client, and from a server.
func FuzzBodies(f *testing.F) {
	for _, text := range []string{
		`{"name":"anna","enrolment":1,"day":"2027-01-15","u":"AAAA"}`,
		`{"session":"x","v":"AAAA","z":"AAAA"}`,
		`{"session":"x","confirm":"AAAA"}`,
		`{"state":"confirm","w":"AAAA","confirm":"AAAA"}`,
		`{"network":"bafy","reference":"00","name":"door","suite":"dta-v1","permits":true,"day":"2027-01-15"}`,
		`{"session":"x","y":"AAAA"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, into := range []any{&authn.Start{}, &authn.Finish{}, &authn.Confirmation{}, &authn.Outcome{}, &authn.About{}, &authn.Challenge{}} {
			_ = strict.Decode(text, into)
		}
	})
}
