package order

import (
	"bytes"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// keyTerms are terms of a key that Check accepts.
func keyTerms(t testing.TB, f KeyForm) *Terms {
	terms := soundTerms(t)
	terms.What, terms.T, terms.N, terms.Fiduciaries, terms.Commitments, terms.Size = Key, 1, 1, terms.Fiduciaries[:1], nil, 0
	terms.KeyForm = f
	return terms
}

func TestTermsNameKeyTypeAndForm(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    KeyForm
		want keytype.Type
		kind fault.Kind
		says string
	}{
		{"nothing", KeyForm{}, keytype.Secp256k1, "", ""},
		{"ed25519", KeyForm{"ed25519", "expanded"}, keytype.Ed25519, "", ""},
		{"bls12381", KeyForm{KeyType: "bls12381"}, keytype.BLS12381, "", ""},
		{"an unknown type", KeyForm{KeyType: "rsa4096"}, nil, fault.Unsupported, `"rsa4096"`},
		{"a type in other letters", KeyForm{"Ed25519", "expanded"}, nil, fault.Unsupported, `"Ed25519"`},
		{"the default by its name", KeyForm{KeyType: "secp256k1"}, nil, fault.Invalid, "default"},
		{"the default form by its name", KeyForm{KeyType: "bls12381", Form: "scalar"}, nil, fault.Invalid, "default"},
		{"ed25519 as a scalar", KeyForm{KeyType: "ed25519"}, nil, fault.Unsupported, `key type ed25519: expected form "expanded", found "scalar"`},
		{"ed25519 as a seed", KeyForm{"ed25519", "seed"}, nil, fault.Unsupported, `"seed"`},
		{"an expanded scalar", KeyForm{Form: "expanded"}, nil, fault.Unsupported, `"expanded"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			terms := keyTerms(t, tt.f)
			// An unknown type is refused by its name whatever else is wrong.
			if tt.kind == fault.Unsupported {
				terms.Reference = nil
			}
			err := terms.Check()
			if tt.kind != "" {
				wantKind(t, err, tt.kind)
				if !strings.Contains(err.Error(), tt.says) {
					t.Errorf("expected %q in: %v", tt.says, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := terms.Algorithm(); err != nil || got != tt.want {
				t.Errorf("expected %s, found %v, %v", tt.want.Name(), got, err)
			}
			if got := formOf(tt.want); got != tt.f {
				t.Errorf("expected to be named %+v, found %+v", tt.f, got)
			}
		})
	}
}

func TestOnlyAKeyHasATypeAndAForm(t *testing.T) {
	for _, f := range []KeyForm{{KeyType: "ed25519"}, {Form: "expanded"}, {KeyType: "rsa"}} {
		terms := soundTerms(t)
		terms.KeyForm = f
		wantKind(t, terms.Check(), fault.Invalid)
		if _, err := terms.Algorithm(); err == nil {
			t.Errorf("%+v: a secret has an algorithm", f)
		}
	}
	r := newRealm(t, 1)
	p := r.plan(Network, 0)
	p.KeyType = keytype.Ed25519
	_, err := Place(r.principal, p, nil, now)
	wantKind(t, err, fault.Invalid)
}

// What was signed before there were types re-encodes to its own bytes.
func TestADefaultKeyTypeIsAbsentFromTheEncoding(t *testing.T) {
	for _, tt := range []struct {
		f         KeyForm
		typ, form bool
	}{{KeyForm{}, false, false}, {formOf(keytype.BLS12381), true, false}, {formOf(keytype.Ed25519), true, true}} {
		for name, v := range map[string]any{"terms": keyTerms(t, tt.f), "receipt": &Receipt{KeyForm: tt.f}, "release": &Release{KeyForm: tt.f, Share: dag.Sum(nil)}} {
			b, err := dag.Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(b, []byte("key_type")); got != tt.typ {
				t.Errorf("%s of %+v: key_type is there: %t", name, tt.f, got)
			}
			if got := bytes.Contains(b, []byte("\x64form")); got != tt.form {
				t.Errorf("%s of %+v: form is there: %t", name, tt.f, got)
			}
		}
	}
}
