package sign

import (
	"bytes"
	"testing"
)

// FuzzVerify: only what was signed verifies.
func FuzzVerify(f *testing.F) {
	k := V2.NewPrivateKey()
	good := k.Sign(Envelope, message)
	f.Add(good)
	f.Add(good[1:])
	f.Add(make([]byte, SignatureSize))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sig []byte) {
		if k.Public().Verify(Envelope, []byte("never signed"), sig) == nil {
			t.Errorf("%x is a forgery", sig)
		}
		if k.Public().Verify(Envelope, message, sig) == nil && !bytes.Equal(sig, good) {
			t.Errorf("%x verifies in place of what was signed", sig)
		}
	})
}

// FuzzParsePublicKey: what is accepted has one encoding, the one that was read.
func FuzzParsePublicKey(f *testing.F) {
	f.Add(V2.NewPrivateKey().Public().Bytes())
	f.Add(make([]byte, PublicKeySize))
	f.Add([]byte{})
	sig := V2.NewPrivateKey().Sign(Envelope, message)
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := V2.ParsePublicKey(b)
		if err != nil {
			return
		}
		if !bytes.Equal(k.Bytes(), b) || !bytes.Equal(k.expanded().Bytes(), b[:len(b)-edwardsPublicSize]) {
			t.Errorf("%x is read and written as %x", b, k.Bytes())
		}
		if k.Verify(Envelope, message, sig) == nil {
			t.Errorf("%x verifies another key's signature", b)
		}
	})
}
