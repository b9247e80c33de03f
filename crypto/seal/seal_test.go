package seal

import (
	"bytes"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

func newKey(tb testing.TB) *PrivateKey {
	tb.Helper()
	k, err := V2.NewPrivateKey()
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func sealTo(tb testing.TB, pub, info, aad, plaintext []byte) []byte {
	tb.Helper()
	sealed, err := V2.SealTo(pub, info, aad, plaintext)
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}

func TestWhatIsSealedOpens(t *testing.T) {
	k := newKey(t)
	for _, n := range []int{0, 1, 32, 64, 256 << 10} {
		plaintext := bytes.Repeat([]byte{7}, n)
		sealed := sealTo(t, k.Public(), []byte("info"), []byte("aad"), plaintext)
		if len(sealed) != n+SealOverhead {
			t.Errorf("%d bytes: expected %d sealed, found %d", n, n+SealOverhead, len(sealed))
		}
		opened, err := V2.OpenWith(k, []byte("info"), []byte("aad"), sealed)
		if err != nil {
			t.Fatal(err)
		}
		if !opened.Equal(plaintext) {
			t.Errorf("%d bytes: opened to something else", n)
		}
	}
}

func TestWhatIsSealedOpensOnlyForItsKeyAndContext(t *testing.T) {
	k, other := newKey(t), newKey(t)
	cleared := newKey(t)
	sealed := sealTo(t, k.Public(), []byte("info"), []byte("aad"), []byte("text"))
	forCleared := sealTo(t, cleared.Public(), nil, nil, nil)
	cleared.Clear()
	for _, test := range []struct {
		name      string
		key       *PrivateKey
		info, aad string
		sealed    []byte
	}{
		{"another key", other, "info", "aad", sealed},
		{"another info", k, "inf0", "aad", sealed},
		{"another aad", k, "info", "aae", sealed},
		{"info and aad exchanged", k, "aad", "info", sealed},
		{"the border between info and aad moved", k, "infoa", "ad", sealed},
		{"no context", k, "", "", sealed},
		{"a byte less", k, "info", "aad", sealed[:len(sealed)-1]},
		{"a byte more", k, "info", "aad", append(slices.Clone(sealed), 0)},
		{"the encapsulation alone", k, "info", "aad", sealed[:EncapsulationSize]},
		{"less than the overhead", k, "info", "aad", sealed[:SealOverhead-1]},
		{"nothing", k, "info", "aad", nil},
		{"a cleared key", cleared, "", "", forCleared},
	} {
		if opened, err := V2.OpenWith(test.key, []byte(test.info), []byte(test.aad), test.sealed); err != ErrOpen || opened != nil {
			t.Errorf("%s: expected %v, found %v", test.name, ErrOpen, err)
		}
	}
}

func TestEveryChangedByteOfASealedMessageIsNoticed(t *testing.T) {
	k := newKey(t)
	sealed := sealTo(t, k.Public(), nil, nil, []byte("text"))
	for i := 0; i < len(sealed); i += 13 {
		changed := slices.Clone(sealed)
		changed[i] ^= 1
		if _, err := V2.OpenWith(k, nil, nil, changed); err != ErrOpen {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	// X25519 ignores the top bit of a point, X-Wing hashes the bytes.
	changed := slices.Clone(sealed)
	changed[EncapsulationSize-1] ^= 0x80
	if _, err := V2.OpenWith(k, nil, nil, changed); err != ErrOpen {
		t.Errorf("the ignored bit: %v", err)
	}
}

func TestSealingTwiceGivesTwoCiphertexts(t *testing.T) {
	k := newKey(t)
	if bytes.Equal(sealTo(t, k.Public(), nil, nil, nil), sealTo(t, k.Public(), nil, nil, nil)) {
		t.Error("sealing is deterministic")
	}
}

func TestAKeyIsItsSeed(t *testing.T) {
	k := newKey(t)
	seed := k.Seed()
	again, err := V2.ParsePrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Public(), k.Public()) || len(k.Public()) != PublicKeySize {
		t.Error("the same seed gives another public key")
	}
	seed.Clear()
	if _, err := V2.OpenWith(again, nil, nil, sealTo(t, k.Public(), nil, nil, nil)); err != nil {
		t.Error(err)
	}
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := V2.ParsePrivateKey(secret.Random(n)); err == nil {
			t.Errorf("a seed of %d bytes is accepted", n)
		}
	}
}

func TestACloneOpensAfterItsOriginalIsCleared(t *testing.T) {
	k := newKey(t)
	sealed := sealTo(t, k.Public(), nil, nil, []byte("text"))
	clone := k.Clone()
	k.Clear()
	if opened, err := V2.OpenWith(clone, nil, nil, sealed); err != nil || !opened.Equal([]byte("text")) {
		t.Errorf("expected the clone to open; found %v", err)
	}
	if !bytes.Equal(clone.Public(), k.Public()) || clone.Seed().Len() != SeedSize {
		t.Error("expected the clone to be the same key")
	}
	clone.Clear()
	if _, err := V2.OpenWith(clone, nil, nil, sealed); err != ErrOpen {
		t.Errorf("expected a cleared clone to open nothing; found %v", err)
	}
}

func TestAPrivateKeyDoesNotLeak(t *testing.T) {
	k := newKey(t)
	secrettest.DoesNotLeak(t, k, k.Seed().Open())
	secrettest.DoesNotLeak(t, *k, k.Seed().Open())
	k.Clear()
	k.Clear()
	(*PrivateKey)(nil).Clear()
	if k.Seed().Len() != 0 {
		t.Error("the seed is left")
	}
}

// lowOrder are the reduced X25519 points that give a zero shared secret.
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func malformedPublicKeys(tb testing.TB) map[string][]byte {
	good := newKey(tb).Public()
	bad := map[string][]byte{
		"nothing":         nil,
		"a byte too few":  good[1:],
		"a byte too many": append(slices.Clone(good), 0),
		"ones":            bytes.Repeat([]byte{0xff}, PublicKeySize),
		"zeros":           make([]byte, PublicKeySize),
	}
	withPoint := func(point []byte) []byte { return append(slices.Clone(good[:PublicKeySize-x25519Size]), point...) }
	for _, point := range lowOrder {
		b, err := hex.DecodeString(point)
		if err != nil {
			tb.Fatal(err)
		}
		bad["low order point "+point[:8]] = withPoint(b)
	}
	bad["the field prime for a point"] = withPoint(fieldPrime[:])
	unreduced := fieldPrime
	unreduced[0] += 9
	bad["nine not reduced"] = withPoint(unreduced[:])
	topBit := slices.Clone(good)
	topBit[PublicKeySize-1] |= 0x80
	bad["the ignored bit set"] = topBit
	coefficient := slices.Clone(good)
	coefficient[0], coefficient[1] = 0xff, coefficient[1]|0x0f
	bad["a coefficient not reduced"] = coefficient
	return bad
}

func TestMalformedPublicKeysAreRefused(t *testing.T) {
	if err := V2.CheckPublicKey(newKey(t).Public()); err != nil {
		t.Fatal(err)
	}
	for name, bad := range malformedPublicKeys(t) {
		if err := V2.CheckPublicKey(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := V2.SealTo(bad, nil, nil, nil); err == nil {
			t.Errorf("%s: sealed to", name)
		}
	}
}

func TestOpeningAgreesWithThePublishedVector(t *testing.T) {
	var v struct{ Info, Private, Public, Enc, AAD, CT, PT string }
	b, err := os.ReadFile("testdata/hpke-pq.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	raw := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// No vector is published for AES-256-GCM with this KEM and KDF.
	suite := V2
	suite.aead = hpke.ChaCha20Poly1305()
	k, err := suite.ParsePrivateKey(secret.New(raw(v.Private)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Public(), raw(v.Public)) {
		t.Error("another public key")
	}
	opened, err := suite.OpenWith(k, raw(v.Info), raw(v.AAD), raw(v.Enc+v.CT))
	if err != nil {
		t.Fatal(err)
	}
	if !opened.Equal(raw(v.PT)) {
		t.Error("another plaintext")
	}
}

func TestV2IsWhatItsNameStandsFor(t *testing.T) {
	s, err := ByName("dta-v2")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "dta-v2" || s.kem.ID() != 0x647a || s.kdf.ID() != 1 || s.aead.ID() != 2 ||
		s.Signing.Algorithm != "id-MLDSA65-Ed25519-SHA512" {
		t.Errorf("found %s: KEM %#x, KDF %d, AEAD %d, signatures %s", s.Name, s.kem.ID(), s.kdf.ID(), s.aead.ID(), s.Signing.Algorithm)
	}
	for _, name := range []string{"", "dta-v1", "DTA-V2", "dta-v2 "} {
		if _, err := ByName(name); !errors.Is(err, ErrUnknownSuite) {
			t.Errorf("%q: expected %v, found %v", name, ErrUnknownSuite, err)
		}
	}
}

func TestTheCacheKeepsNothingOfItsCallers(t *testing.T) {
	k := newKey(t)
	pub := k.Public()
	sealTo(t, pub, nil, nil, nil)
	pub[0] ^= 1
	if _, err := V2.OpenWith(k, nil, nil, sealTo(t, k.Public(), nil, nil, nil)); err != nil {
		t.Error(err)
	}
}

func ExampleSuite_SealTo() {
	k, _ := V2.NewPrivateKey()
	defer k.Clear()
	sealed, _ := V2.SealTo(k.Public(), []byte("what it is for"), nil, []byte("hello"))

	opened, err := V2.OpenWith(k, []byte("what it is for"), nil, sealed)
	fmt.Println(opened, string(opened.Open()), err)
	_, err = V2.OpenWith(k, []byte("something else"), nil, sealed)
	fmt.Println(err)
	// Output:
	// [secret] hello <nil>
	// ciphertext does not open
}
