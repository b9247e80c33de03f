package secp

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

func newKey(tb testing.TB) *PrivateKey {
	tb.Helper()
	return NewPrivateKey()
}

func fromHex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

var order = secp256k1.S256().N

func encoded(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

// small is the private key of a small number.
func small(tb testing.TB, n int64) *PrivateKey {
	tb.Helper()
	k, err := ParsePrivateKey(secret.New(encoded(big.NewInt(n))))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestASignatureBelongsToItsKeyAndDigest(t *testing.T) {
	k := newKey(t)
	digest := sha256.Sum256([]byte("message"))
	sig := k.Sign(digest)
	if err := Verify(k.Public(), digest, sig); err != nil {
		t.Error(err)
	}
	if err := Verify(newKey(t).Public(), digest, sig); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	if err := Verify(k.Public(), sha256.Sum256(nil), sig); !errors.Is(err, ErrSignature) {
		t.Errorf("another digest: %v", err)
	}
	for bit := range 8 * len(sig) {
		changed := slices.Clone(sig)
		changed[bit/8] ^= 1 << (bit % 8)
		if Verify(k.Public(), digest, changed) == nil {
			t.Errorf("bit %d changed and verified", bit)
		}
	}
}

// Signatures are deterministic, so decred's own, which are not blinded, are the
// known answers.
func TestSigningAgreesWithDecred(t *testing.T) {
	k := newKey(t)
	theirs := secp256k1.PrivKeyFromBytes(k.Bytes().Open())
	if !bytes.Equal(k.Public(), theirs.PubKey().SerializeCompressed()) {
		t.Error("another public key")
	}
	for i := range uint32(200) {
		digest := sha256.Sum256(binary.BigEndian.AppendUint32(nil, i))
		want := ecdsa.Sign(theirs, digest[:])
		r, s := want.R(), want.S()
		rb, sb := r.Bytes(), s.Bytes()
		if !bytes.Equal(k.Sign(digest), append(rb[:], sb[:]...)) {
			t.Fatalf("digest %d: another signature", i)
		}
	}
}

func TestSigningAgreesWithThePublishedVector(t *testing.T) {
	got := small(t, 1).Sign(sha256.Sum256([]byte("Satoshi Nakamoto")))
	want := fromHex(t, "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"+
		"2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5")
	if !bytes.Equal(got, want) {
		t.Errorf("expected %x, found %x", want, got)
	}
}

func TestSIsAlwaysLowAndItsHighTwinIsRefused(t *testing.T) {
	half := new(big.Int).Rsh(order, 1)
	for i := range uint32(50) {
		k := newKey(t)
		digest := sha256.Sum256(binary.BigEndian.AppendUint32(nil, i))
		sig := k.Sign(digest)
		s := new(big.Int).SetBytes(sig[32:])
		if s.Cmp(half) > 0 {
			t.Fatalf("s is %x", s)
		}
		twin := append(slices.Clone(sig[:32]), encoded(new(big.Int).Sub(order, s))...)
		if err := Verify(k.Public(), digest, twin); err == nil || errors.Is(err, ErrSignature) {
			t.Fatalf("the twin: expected to be refused as malformed, found %v", err)
		}
	}
}

func TestMalformedSignaturesAreRefused(t *testing.T) {
	k := newKey(t)
	digest := sha256.Sum256(nil)
	sig := k.Sign(digest)
	one, zero := encoded(big.NewInt(1)), make([]byte, 32)
	for name, bad := range map[string][]byte{
		"nothing":         nil,
		"a byte too few":  sig[:63],
		"a byte too many": append(slices.Clone(sig), 0),
		"r of zero":       append(slices.Clone(zero), one...),
		"s of zero":       append(slices.Clone(one), zero...),
		"r of the order":  append(encoded(order), one...),
		"s of the order":  append(slices.Clone(one), encoded(order)...),
		"r and the order": append(encoded(new(big.Int).Add(order, big.NewInt(1))), sig[32:]...),
		"ones":            bytes.Repeat([]byte{0xff}, 64),
	} {
		if err := Verify(k.Public(), digest, bad); err == nil || errors.Is(err, ErrSignature) {
			t.Errorf("%s: expected to be refused as malformed, found %v", name, err)
		}
	}
}

func malformedPublicKeys(tb testing.TB) map[string][]byte {
	good := newKey(tb).Public()
	uncompressed, err := Uncompressed(good)
	if err != nil {
		tb.Fatal(err)
	}
	marked := func(first byte) []byte { return append([]byte{first}, good[1:]...) }
	return map[string][]byte{
		"nothing":                      nil,
		"the identity":                 {0},
		"a byte too few":               good[:32],
		"a byte too many":              append(slices.Clone(good), 0),
		"zeros":                        make([]byte, 33),
		"uncompressed":                 uncompressed,
		"marked as uncompressed":       marked(4),
		"marked as hybrid":             marked(6),
		"a coordinate of p":            append([]byte{2}, encoded(secp256k1.S256().P)...),
		"a coordinate of p and one":    append([]byte{2}, encoded(new(big.Int).Add(secp256k1.S256().P, big.NewInt(1)))...),
		"a coordinate off the curve":   append([]byte{2}, encoded(big.NewInt(5))...),
		"a coordinate of 256 one bits": append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...),
	}
}

func TestMalformedPublicKeysAreRefused(t *testing.T) {
	for name, bad := range malformedPublicKeys(t) {
		if CheckPublicKey(bad) == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := Uncompressed(bad); err == nil {
			t.Errorf("%s: uncompressed", name)
		}
		if Verify(bad, [32]byte{}, make([]byte, 64)) == nil {
			t.Errorf("%s: verifies", name)
		}
	}
}

func TestPublicKeysOfSmallNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		1: "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
		2: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
		3: "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
	} {
		if got := small(t, n).Public(); !bytes.Equal(got, fromHex(t, want)) {
			t.Errorf("%d: expected %s, found %x", n, want, got)
		}
	}
	got, err := Uncompressed(small(t, 1).Public())
	want := "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" +
		"483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
	if err != nil || !bytes.Equal(got, fromHex(t, want)) {
		t.Errorf("expected %s, found %x, %v", want, got, err)
	}
}

func TestMalformedPrivateKeysAreRefused(t *testing.T) {
	for name, bad := range map[string][]byte{
		"nothing":         nil,
		"a byte too few":  bytes.Repeat([]byte{1}, 31),
		"a byte too many": bytes.Repeat([]byte{1}, 33),
		"zero":            make([]byte, 32),
		"the order":       encoded(order),
		"ones":            bytes.Repeat([]byte{0xff}, 32),
	} {
		if _, err := ParsePrivateKey(secret.New(bad)); err == nil {
			t.Error(name)
		}
	}
	if _, err := ParsePrivateKey(secret.New(encoded(new(big.Int).Sub(order, big.NewInt(1))))); err != nil {
		t.Errorf("the order less one: %v", err)
	}
}

func TestAPrivateKeySurvivesItsEncodingAndNotClear(t *testing.T) {
	k := newKey(t)
	b := k.Bytes()
	again, err := ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	b.Clear()
	if !bytes.Equal(again.Public(), k.Public()) || !again.Bytes().Equal(k.Bytes().Open()) {
		t.Error("another key")
	}
	k.Clear()
	k.Clear()
	(*PrivateKey)(nil).Clear()
	if !k.Bytes().Equal(make([]byte, 32)) {
		t.Error("the key is left")
	}
	if Verify(k.Public(), [32]byte{1}, k.Sign([32]byte{1})) == nil {
		t.Error("a cleared key signs")
	}
}

func TestAPrivateKeyDoesNotLeak(t *testing.T) {
	k := newKey(t)
	secrettest.DoesNotLeak(t, k, k.Bytes().Open())
	secrettest.DoesNotLeak(t, *k, k.Bytes().Open())
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(newKey(f).Public())
	for _, seed := range malformedPublicKeys(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := parsePublicKey(b)
		if err == nil && !bytes.Equal(key.SerializeCompressed(), b) {
			t.Errorf("%x is read and written as %x", b, key.SerializeCompressed())
		}
	})
}

func FuzzVerify(f *testing.F) {
	k := newKey(f)
	f.Add(k.Sign([32]byte{1}))
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if Verify(k.Public(), [32]byte{2}, b) == nil {
			t.Errorf("%x is a forgery", b)
		}
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	f.Add(encoded(big.NewInt(1)))
	f.Add(encoded(order))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParsePrivateKey(secret.Copy(b)); err == nil && !k.Bytes().Equal(b) {
			t.Errorf("%x is read and written differently", b)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	k := newKey(b)
	for b.Loop() {
		k.Sign([32]byte{1})
	}
}

func BenchmarkVerify(b *testing.B) {
	k := newKey(b)
	pub, sig := k.Public(), k.Sign([32]byte{1})
	for b.Loop() {
		if err := Verify(pub, [32]byte{1}, sig); err != nil {
			b.Fatal(err)
		}
	}
}
