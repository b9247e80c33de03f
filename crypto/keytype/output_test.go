package keytype

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
)

// openssl runs a tool that knows nothing of this package.
func openssl(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Stdin = bytes.NewReader(input)
	var text bytes.Buffer
	cmd.Stderr = &text
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, text.String())
	}
	return out
}

func TestOpenSSLReadsWhatIsWrittenAsPEM(t *testing.T) {
	for _, typ := range []Type{Secp256k1} {
		t.Run(typ.Name(), func(t *testing.T) {
			key := typ.New()
			text, err := Write(typ, key, PEM)
			if err != nil {
				t.Fatal(err)
			}
			shown := openssl(t, text.Open(), "pkey", "-pubout", "-outform", "DER")
			if want := typ.Shown(public(t, typ, key)); !bytes.HasSuffix(shown, want) {
				t.Errorf("expected the public key %x, found %x", want, shown)
			}
			openssl(t, text.Open(), "pkey", "-check", "-noout")
			// What it writes itself is the same key in the same bytes.
			if again := openssl(t, text.Open(), "pkey"); !bytes.Equal(again, text.Open()) {
				t.Errorf("openssl writes the key otherwise:\n%s", again)
			}
		})
	}
}

func TestKeysAreWrittenInHexAndRaw(t *testing.T) {
	each(t, func(t *testing.T, typ Type) {
		key := typ.New()
		for out, want := range map[Output]string{Hex: hex.EncodeToString(key.Open()), Raw: string(key.Open())} {
			got, err := Write(typ, key, out)
			if err != nil || string(got.Open()) != want {
				t.Errorf("%s: found %d bytes, %v", out, got.Len(), err)
			}
			got.Clear()
			if key.Len() != typ.PrivateSize() || key.Equal(make([]byte, key.Len())) {
				t.Fatal("the key went with what was written")
			}
			if err := Writes(typ, out); err != nil {
				t.Error(err)
			}
		}
		if _, err := Write(typ, key, "jwk"); !errors.Is(err, ErrOutput) || !strings.Contains(err.Error(), `["hex" "pem" "raw"]`) {
			t.Errorf("expected %v, found %v", ErrOutput, err)
		}
	})
}

func TestATypeWithoutPEMSaysWhatToUse(t *testing.T) {
	for _, typ := range []Type{Ed25519, BLS12381} {
		got, err := Write(typ, typ.New(), PEM)
		if !errors.Is(err, ErrOutput) || got != nil || !strings.Contains(err.Error(), "use hex") || !strings.Contains(err.Error(), typ.Name()) {
			t.Errorf("%s: %v", typ.Name(), err)
		}
		if err := Writes(typ, PEM); !errors.Is(err, ErrOutput) {
			t.Errorf("%s: %v", typ.Name(), err)
		}
	}
}

// Lines of any length come out as the standard library writes them.
func TestArmourIsThatOfTheStandardLibrary(t *testing.T) {
	for n := range 200 {
		der := secret.Random(n)
		want := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der.Open()})
		if got := armour(der); !got.Equal(want) {
			t.Fatalf("%d bytes: expected\n%s\nfound\n%s", n, want, got.Open())
		}
	}
}
