package sign

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

var message = []byte("message")

func TestASignatureVerifiesForItsPurposeOnly(t *testing.T) {
	k := V2.NewPrivateKey()
	for _, signed := range Purposes() {
		sig := k.Sign(signed, message)
		if len(sig) != SignatureSize {
			t.Fatalf("expected %d bytes, found %d", SignatureSize, len(sig))
		}
		for _, asked := range Purposes() {
			switch err := k.Public().Verify(asked, message, sig); {
			case asked == signed && err != nil:
				t.Errorf("%s: %v", signed, err)
			case asked != signed && !errors.Is(err, ErrSignature):
				t.Errorf("signed for %s, verified for %s: %v", signed, asked, err)
			}
		}
	}
}

func TestASignatureBelongsToItsKeyAndMessage(t *testing.T) {
	k, other := V2.NewPrivateKey(), V2.NewPrivateKey()
	sig := k.Sign(Envelope, message)
	if err := other.Public().Verify(Envelope, message, sig); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	for _, msg := range []string{"", "messagf", "message\x00", "messag"} {
		if err := k.Public().Verify(Envelope, []byte(msg), sig); !errors.Is(err, ErrSignature) {
			t.Errorf("message %q: %v", msg, err)
		}
	}
	for _, n := range []int{0, 1, 128, 1 << 20} {
		msg := make([]byte, n)
		if err := k.Public().Verify(Envelope, msg, k.Sign(Envelope, msg)); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// halves cuts a signature in two.
func halves(sig []byte) (mldsa, edwards []byte) {
	return sig[:mldsa65.SignatureSize], sig[mldsa65.SignatureSize:]
}

func TestBothHalvesMustVerify(t *testing.T) {
	k, other := V2.NewPrivateKey(), V2.NewPrivateKey()
	good := k.Sign(Envelope, message)
	mldsa, edwards := halves(good)
	elsewhereM, elsewhereE := halves(k.Sign(Envelope, []byte("another message")))
	purposeM, purposeE := halves(k.Sign(Document, message))
	otherM, otherE := halves(other.Sign(Envelope, message))
	m := V2.representative(Envelope.context(), message)
	bare := make([]byte, mldsa65.SignatureSize)
	if err := mldsa65.SignTo(k.mldsa.Open(), m, nil, true, bare); err != nil {
		t.Fatal(err)
	}
	plain := ed25519.Sign(k.edwards.Open(), message)
	for name, bad := range map[string][]byte{
		"the ML-DSA half of another message":    append(bytes.Clone(elsewhereM), edwards...),
		"the Ed25519 half of another message":   append(bytes.Clone(mldsa), elsewhereE...),
		"the ML-DSA half for another purpose":   append(bytes.Clone(purposeM), edwards...),
		"the Ed25519 half for another purpose":  append(bytes.Clone(mldsa), purposeE...),
		"the ML-DSA half of another key":        append(bytes.Clone(otherM), edwards...),
		"the Ed25519 half of another key":       append(bytes.Clone(mldsa), otherE...),
		"the ML-DSA half without its context":   append(bare, edwards...),
		"the Ed25519 half of the message alone": append(bytes.Clone(mldsa), plain...),
		"the halves in the other order":         append(bytes.Clone(edwards), mldsa...),
		"no ML-DSA half, its place empty":       append(make([]byte, len(mldsa)), edwards...),
		"no Ed25519 half, its place empty":      append(bytes.Clone(mldsa), make([]byte, len(edwards))...),
	} {
		if err := k.Public().Verify(Envelope, message, bad); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: expected %v, found %v", name, ErrSignature, err)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing":               nil,
		"the ML-DSA half alone": mldsa, "the Ed25519 half alone": edwards,
		"a byte too few": good[1:], "cut at the end": good[:SignatureSize-1],
		"a byte too many": append(bytes.Clone(good), 0), "twice": append(bytes.Clone(good), good...),
	} {
		if err := k.Public().Verify(Envelope, message, bad); err == nil || errors.Is(err, ErrSignature) || !strings.Contains(err.Error(), "expected 3373 bytes, found") {
			t.Errorf("%s: expected it to be refused for its size, found %v", name, err)
		}
	}
}

func TestEveryChangedByteOfASignatureIsRefused(t *testing.T) {
	k := V2.NewPrivateKey()
	sig := k.Sign(Envelope, message)
	for i := 0; i < len(sig); i += 13 {
		changed := bytes.Clone(sig)
		changed[i] ^= 1 << (i % 8)
		if k.Public().Verify(Envelope, message, changed) == nil {
			t.Errorf("byte %d", i)
		}
	}
}

func TestKeysSurviveTheirEncodings(t *testing.T) {
	k := V2.NewPrivateKey()
	b := k.Bytes()
	again, err := V2.ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	b.Clear()
	public, err := V2.ParsePublicKey(k.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !again.Public().Equal(k.Public()) || !public.Equal(k.Public()) || V2.NewPrivateKey().Public().Equal(public) {
		t.Error("not the same key")
	}
	k.Public().Bytes()[0] ^= 1
	if err := public.Verify(Envelope, message, again.Sign(Envelope, message)); err != nil {
		t.Error(err)
	}
}

func TestKeysOfAnotherSizeAreRefused(t *testing.T) {
	k := V2.NewPrivateKey()
	seed, public := k.Bytes().Open(), k.Public().Bytes()
	for _, b := range [][]byte{nil, seed[:32], seed[1:], append(bytes.Clone(seed), 0)} {
		if _, err := V2.ParsePrivateKey(secret.Copy(b)); err == nil {
			t.Errorf("a seed of %d bytes is accepted", len(b))
		}
	}
	for _, b := range [][]byte{nil, public[:mldsa65.PublicKeySize], public[mldsa65.PublicKeySize:], public[1:], append(bytes.Clone(public), 0)} {
		if _, err := V2.ParsePublicKey(b); err == nil {
			t.Errorf("a public key of %d bytes is accepted", len(b))
		}
	}
}

// TestAClearedKeyIsGone and takes its public half with it nowhere: that goes on
// verifying.
func TestAClearedKeyIsGone(t *testing.T) {
	k := V2.NewPrivateKey()
	public, sig := k.Public(), k.Sign(Envelope, message)
	k.Clear()
	k.Clear()
	(*PrivateKey)(nil).Clear()
	if k.Bytes().Len() != 0 || k.edwards.Len() != 0 || *k.mldsa.Open() != (mldsa65.PrivateKey{}) {
		t.Error("expected nothing of the key to be left")
	}
	if err := public.Verify(Envelope, message, sig); err != nil {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("expected a cleared key not to sign")
		}
	}()
	k.Sign(Envelope, message)
}

func TestAPrivateKeyDoesNotLeak(t *testing.T) {
	k := V2.NewPrivateKey()
	for _, half := range [][]byte{k.Bytes().Open()[:32], k.Bytes().Open()[32:]} {
		secrettest.DoesNotLeak(t, k, half)
		secrettest.DoesNotLeak(t, *k, half)
	}
}

func TestAKeyServesManyAtOnce(t *testing.T) {
	k := V2.NewPrivateKey()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := k.Public().Verify(Envelope, message, k.Sign(Envelope, message)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
