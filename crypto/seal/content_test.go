package seal

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
)

func TestWhatIsEncryptedDecrypts(t *testing.T) {
	key := secret.Random(KeySize)
	for _, n := range []int{0, 1, 16, 256 << 10} {
		plaintext := bytes.Repeat([]byte{7}, n)
		ciphertext, err := V2.Encrypt(key, []byte("aad"), plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if len(ciphertext) != n+EncryptOverhead {
			t.Errorf("%d bytes: expected %d encrypted, found %d", n, n+EncryptOverhead, len(ciphertext))
		}
		decrypted, err := V2.Decrypt(key, []byte("aad"), ciphertext)
		if err != nil {
			t.Fatal(err)
		}
		if !decrypted.Equal(plaintext) {
			t.Errorf("%d bytes: decrypted to something else", n)
		}
	}
}

func TestWhatIsEncryptedDecryptsOnlyUnchanged(t *testing.T) {
	key := secret.Random(KeySize)
	ciphertext, err := V2.Encrypt(key, []byte("aad"), []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, key *secret.Bytes, aad, ciphertext []byte) {
		if _, err := V2.Decrypt(key, aad, ciphertext); err != ErrOpen {
			t.Errorf("%s: expected %v, found %v", name, ErrOpen, err)
		}
	}
	refused("another key", secret.Random(KeySize), []byte("aad"), ciphertext)
	refused("another aad", key, []byte("aae"), ciphertext)
	refused("no aad", key, nil, ciphertext)
	refused("nothing", key, []byte("aad"), nil)
	for n := range ciphertext {
		refused("cut short", key, []byte("aad"), ciphertext[:n])
		changed := slices.Clone(ciphertext)
		changed[n] ^= 1
		refused("a changed byte", key, []byte("aad"), changed)
	}
}

func TestContentKeysOfAnotherSizeAreRefused(t *testing.T) {
	for _, n := range []int{0, 16, 24, 31, 33} {
		if _, err := V2.Encrypt(secret.Random(n), nil, nil); err == nil {
			t.Errorf("%d bytes encrypt", n)
		}
		if _, err := V2.Decrypt(secret.Random(n), nil, make([]byte, 64)); err == nil || err == ErrOpen {
			t.Errorf("%d bytes decrypt: %v", n, err)
		}
	}
}

// RFC 5869, appendix A, test case 1.
func TestDerivingAgreesWithRFC5869(t *testing.T) {
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ikm := secret.New(bytes.Repeat([]byte{0x0b}, 22))
	want := raw("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
	if !V2.Derive(ikm, raw("000102030405060708090a0b0c"), string(raw("f0f1f2f3f4f5f6f7f8f9")), 42).Equal(want) {
		t.Error("another output")
	}
}

func TestDerivedKeysDependOnEveryInput(t *testing.T) {
	ikm := secret.Random(32)
	key := V2.Derive(ikm, []byte("salt"), "info", 32)
	for name, other := range map[string]*secret.Bytes{
		"keying material": V2.Derive(secret.Random(32), []byte("salt"), "info", 32),
		"salt":            V2.Derive(ikm, []byte("salu"), "info", 32),
		"info":            V2.Derive(ikm, []byte("salt"), "infp", 32),
	} {
		if other.Equal(key.Open()) || other.Len() != 32 {
			t.Error(name)
		}
	}
}
