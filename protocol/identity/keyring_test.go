package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
)

func TestAKeyringComesBackAsItWas(t *testing.T) {
	for _, kind := range []Kind{Node, Custody} {
		t.Run(string(kind), func(t *testing.T) {
			k, next := create(t, kind, "acme")
			k, _ = rotate(t, k, next, tuesday)
			at := k.Marshal()
			defer at.Clear()
			got, err := ParseKeyring(at)
			if err != nil {
				t.Fatal(err)
			}
			if again := got.Marshal(); !again.Equal(at.Open()) {
				t.Error("expected the same keyring at rest")
			}
			if got.Identity().Party() != k.Identity().Party() {
				t.Errorf("expected %v, found %v", k.Identity().Party(), got.Identity().Party())
			}
			if !got.StateKey().Equal(k.StateKey().Open()) {
				t.Error("expected the same state key")
			}
			sig := got.Sign(sign.Request, []byte("hello"))
			if err := k.Identity().SigningKey().Verify(sign.Request, []byte("hello"), sig); err != nil {
				t.Error(err)
			}
			if n := got.LogKey().Len(); n != kind.logSize() || !got.LogKey().Equal(k.LogKey().Open()) {
				t.Errorf("expected the log key of a node, and none of a custody identity; found %d bytes", n)
			}
		})
	}
}

func TestOnlyTheAnnouncedKeyRotates(t *testing.T) {
	k, next := create(t, Node, "acme")
	_, _, err := k.Rotate(newKey(t), tuesday)
	refused(t, err, "expected the announced signing key")
	_, _, err = k.Rotate(next, monday.Add(-1e6))
	refused(t, err, "expected a time from")
	rotated, announced := rotate(t, k, next, tuesday)
	_, _, err = rotated.Rotate(next, friday)
	refused(t, err, "expected the announced signing key")
	rotate(t, rotated, announced, friday)
}

func TestRotationChangesKeysAndKeepsWhatTheyOpened(t *testing.T) {
	k, next := create(t, Node, "acme")
	sealed, err := seal.V2.SealTo(k.Identity().SealingKey(), []byte("info"), []byte("aad"), []byte("old letter"))
	if err != nil {
		t.Fatal(err)
	}
	rotated, _ := rotate(t, k, next, tuesday)
	if bytes.Equal(rotated.Identity().SealingKey(), k.Identity().SealingKey()) ||
		bytes.Equal(rotated.Identity().Doc.Log, k.Identity().Doc.Log) ||
		rotated.Identity().SigningKey().Equal(k.Identity().SigningKey()) {
		t.Error("expected new keys")
	}
	if !rotated.StateKey().Equal(k.StateKey().Open()) {
		t.Error("expected the state key to stay")
	}
	k.Clear()
	next.Clear()
	if _, err := rotated.OpenAt(rotated.Identity().Document, []byte("info"), []byte("aad"), sealed); err == nil {
		t.Error("expected the new key not to open what was sealed to the old")
	}
	got, err := rotated.OpenAt(k.Identity().Document, []byte("info"), []byte("aad"), sealed)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal([]byte("old letter")) {
		t.Error("expected the old letter")
	}
	_, err = rotated.OpenAt(k.Identity().Doc.Previous, nil, nil, sealed)
	refused(t, err, "expected a document of")
}

func TestAKeyringIsReadStrictly(t *testing.T) {
	k, next := create(t, Node, "acme")
	k, _ = rotate(t, k, next, tuesday)
	good := k.Marshal().Open()
	other, _ := create(t, Node, "other")
	step := 1
	if testing.Short() {
		step = 17
	}

	t.Run("every truncation is refused", func(t *testing.T) {
		for n := 0; n < len(good); n += step {
			_, err := ParseKeyring(secret.Copy(good[:n]))
			refused(t, err, "keyring: ")
		}
	})
	t.Run("trailing bytes are refused", func(t *testing.T) {
		_, err := ParseKeyring(secret.New(append(bytes.Clone(good), 0)))
		refused(t, err, "1 more bytes")
	})
	t.Run("a flipped bit is noticed everywhere but in the state key", func(t *testing.T) {
		state := len(magic) + sign.SeedSize + 1 + ed25519.SeedSize
		small := other.Marshal().Open()
		for i := 0; i < len(small); i += step {
			if i >= state && i < state+StateKeySize {
				continue // any 32 bytes are a state key; what is encrypted under it tells
			}
			b := bytes.Clone(small)
			b[i] ^= 0x80 >> (i % 8)
			if _, err := ParseKeyring(secret.New(b)); err == nil {
				t.Fatalf("byte %d: a changed keyring was accepted", i)
			}
		}
	})
	t.Run("keys of another party are refused", func(t *testing.T) {
		replace := func(old, new *secret.Bytes) *secret.Bytes {
			return secret.New(bytes.Replace(good, old.Open(), new.Open(), 1))
		}
		_, err := ParseKeyring(replace(k.signing.Bytes(), other.signing.Bytes()))
		refused(t, err, "expected the signing key of document")
		_, err = ParseKeyring(replace(k.halves[0].sealing.Seed(), other.halves[0].sealing.Seed()))
		refused(t, err, "document 0: expected the sealing key")
		_, err = ParseKeyring(replace(k.log, other.log))
		refused(t, err, "expected the log key of document")
	})
}

func TestAKeyringDoesNotPrint(t *testing.T) {
	k, _ := create(t, Node, "acme")
	secrets := []*secret.Bytes{k.signing.Bytes(), k.state, k.halves[0].sealing.Seed(), k.log}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		for _, printed := range []string{fmt.Sprintf(verb, k), fmt.Sprintf(verb, *k), fmt.Sprintf(verb, []*Keyring{k})} {
			for _, s := range secrets {
				if strings.Contains(printed, fmt.Sprintf("%x", s.Open())) || strings.Contains(printed, fmt.Sprint(s.Open())) || strings.Contains(printed, string(s.Open())) {
					t.Errorf("%s prints a key", verb)
				}
			}
		}
	}
	if b, err := json.Marshal(k); err == nil {
		t.Errorf("expected JSON to be refused, found %d bytes", len(b))
	}
}

func TestAClearedKeyringMayBeClearedAgain(t *testing.T) {
	k, _ := create(t, Custody, "acme")
	k.Clear()
	k.Clear()
	(*Keyring)(nil).Clear()
	if k.state.Len() != 0 {
		t.Error("expected the state key to be gone")
	}
}

func FuzzParseKeyring(f *testing.F) {
	k, next := create(f, Node, "acme")
	f.Add(bytes.Clone(k.Marshal().Open()))
	k, _ = rotate(f, k, next, tuesday)
	f.Add(bytes.Clone(k.Marshal().Open()))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseKeyring(secret.Copy(b))
		if err != nil {
			refused(t, err, "keyring: ")
			return
		}
		if !k.Marshal().Equal(b) {
			t.Fatal("accepted a keyring that encodes as another")
		}
	})
}
