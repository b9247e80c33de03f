package seal

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
)

func FuzzCheckPublicKey(f *testing.F) {
	f.Add(newKey(f).Public())
	for _, seed := range malformedPublicKeys(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := V2.publicKey(b)
		if err != nil {
			return
		}
		if !bytes.Equal(key.Bytes(), b) {
			t.Errorf("%x is read and written as %x", b, key.Bytes())
		}
		if _, err := V2.SealTo(b, nil, nil, nil); err != nil {
			t.Errorf("%x is accepted, but nothing can be sealed to it: %v", b, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k, content := newKey(f), secret.Random(KeySize)
	sealed := sealTo(f, k.Public(), []byte("info"), nil, []byte("text"))
	f.Add(sealed)
	f.Add(sealed[:SealOverhead])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := V2.OpenWith(k, nil, nil, b); err != ErrOpen {
			t.Errorf("%x opens with keys that never sealed it", b)
		}
		if _, err := V2.Decrypt(content, nil, b); err != ErrOpen {
			t.Errorf("%x decrypts with a key that never encrypted it", b)
		}
		V2.ParsePrivateKey(secret.Copy(b))
	})
}
