package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

func TestASecretDoesNotLeak(t *testing.T) {
	s := secret.Random(32)
	secrettest.DoesNotLeak(t, s, s.Open())
}

func TestASecretHeldByValueDoesNotLeak(t *testing.T) {
	s := secret.Random(32)
	secrettest.DoesNotLeak(t, *s, s.Open())
}

func TestAnEmbeddedHiddenAndABoxCoverAStruct(t *testing.T) {
	type key struct {
		secret.Hidden
		scalar secret.Box[[32]byte]
	}
	scalar := (*[32]byte)(secret.Random(32).Open())
	k := key{scalar: secret.NewBox(scalar)}
	secrettest.DoesNotLeak(t, k, scalar[:])
	secrettest.DoesNotLeak(t, &k, scalar[:])
	secrettest.DoesNotLeak(t, k.scalar, scalar[:])
}

func TestAnEmptyBoxOpensToNothing(t *testing.T) {
	if new(secret.Box[int]).Open() != nil {
		t.Error("an empty box holds something")
	}
}

func TestMarshallingSaysThatItIsASecret(t *testing.T) {
	if _, err := json.Marshal(secret.Random(1)); !errors.Is(err, secret.ErrHidden) {
		t.Errorf("expected %v, found %v", secret.ErrHidden, err)
	}
}

func TestNewTakesOwnershipAndCopyDoesNot(t *testing.T) {
	owned, lent := []byte("owned"), []byte("lent")
	secret.New(owned).Clear()
	secret.Copy(lent).Clear()
	if !bytes.Equal(owned, make([]byte, 5)) {
		t.Error("Clear left the bytes that New took")
	}
	if string(lent) != "lent" {
		t.Error("Clear reached through Copy")
	}
}

func TestOpenReturnsTheBytesThemselves(t *testing.T) {
	s := secret.New([]byte("abc"))
	b := s.Open()
	s.Clear()
	if !bytes.Equal(b, make([]byte, 3)) {
		t.Error("Clear left what Open had returned")
	}
}

func TestAClearedSecretIsEmptyAndMayBeClearedAgain(t *testing.T) {
	s := secret.Random(8)
	copied := *s
	s.Clear()
	s.Clear()
	if s.Len() != 0 || s.Open() != nil || copied.Len() != 0 {
		t.Error("something is left after Clear")
	}
}

func TestNilAndZeroSecretsAreEmpty(t *testing.T) {
	for name, s := range map[string]*secret.Bytes{"nil": nil, "zero": {}, "new of nil": secret.New(nil)} {
		s.Clear()
		if s.Len() != 0 || s.Open() != nil || !s.Equal(nil) || s.Equal([]byte{0}) {
			t.Errorf("%s: not an empty secret", name)
		}
	}
	if got := fmt.Sprint((*secret.Bytes)(nil)); got != "<nil>" {
		t.Errorf("a nil secret prints %q", got)
	}
}

func TestEqual(t *testing.T) {
	s := secret.New([]byte("abc"))
	for other, want := range map[string]bool{"abc": true, "abd": false, "xbc": false, "ab": false, "abcd": false, "": false} {
		if got := s.Equal([]byte(other)); got != want {
			t.Errorf("equal to %q: %v", other, got)
		}
	}
}

func TestClearReachesTheWholeCapacity(t *testing.T) {
	b := []byte("secret")
	secret.Clear(b[:2])
	if !bytes.Equal(b, make([]byte, 6)) {
		t.Errorf("%q is left", b)
	}
}

func TestRandomSecretsDiffer(t *testing.T) {
	a, b := secret.Random(32), secret.Random(32)
	if a.Len() != 32 || a.Equal(b.Open()) {
		t.Error("two random secrets are equal or short")
	}
}
