package edwards

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/secret/secrettest"
)

// L is the order of the base point (RFC 8032 §5.1).
var L, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// P is the prime of the field.
var P = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

func fromHex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// little encodes a number as Ed25519 does.
func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func number(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func newKey(tb testing.TB) *PrivateKey {
	tb.Helper()
	return NewPrivateKey()
}

// withScalar is a key of a given scalar, with a prefix of some bytes.
func withScalar(tb testing.TB, n *big.Int) (*PrivateKey, error) {
	tb.Helper()
	return ParsePrivateKey(secret.New(append(little(n), bytes.Repeat([]byte{7}, 32)...)))
}

// sign is RFC 8032 §5.1.6 from its third step on, as a tool does it that is given
// a released key and takes the scalar as it is.
func sign(expanded, message []byte) []byte {
	wide := func(parts ...[]byte) *edwards25519.Scalar {
		h := sha512.Sum512(bytes.Join(parts, nil))
		s, err := edwards25519.NewScalar().SetUniformBytes(h[:])
		if err != nil {
			panic(err)
		}
		return s
	}
	x, err := edwards25519.NewScalar().SetUniformBytes(append(slices.Clone(expanded[:32]), make([]byte, 32)...))
	if err != nil {
		panic(err)
	}
	public := new(edwards25519.Point).ScalarBaseMult(x).Bytes()
	nonce := wide(expanded[32:], message)
	r := new(edwards25519.Point).ScalarBaseMult(nonce).Bytes()
	s := edwards25519.NewScalar().MultiplyAdd(wide(r, public, message), x, nonce)
	return append(r, s.Bytes()...)
}

// The first three vectors of RFC 8032 §7.1: seed, public key, message, signature.
var published = [][4]string{
	{
		"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
	},
	{
		"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
		"72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
	},
	{
		"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
		"af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
	},
}

func TestExpandedKeysAgreeWithThePublishedVectors(t *testing.T) {
	for i, v := range published {
		k, err := FromSeed(secret.New(fromHex(t, v[0])))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(k.Public(), fromHex(t, v[1])) {
			t.Errorf("%d: expected %s, found %x", i, v[1], k.Public())
		}
		if got := sign(k.Bytes().Open(), fromHex(t, v[2])); !bytes.Equal(got, fromHex(t, v[3])) {
			t.Errorf("%d: expected the signature %s, found %x", i, v[3], got)
		}
	}
}

// Another reader of expanded keys need not know the seed: the standard library
// verifies what such a key signs, and its own keys expand to the same.
func TestExpandedKeysSignForTheStandardLibrary(t *testing.T) {
	message := []byte("message")
	for range 32 {
		seed := secret.Random(SeedSize)
		k, err := FromSeed(seed)
		if err != nil {
			t.Fatal(err)
		}
		theirs := ed25519.NewKeyFromSeed(seed.Open())
		if !bytes.Equal(k.Public(), theirs.Public().(ed25519.PublicKey)) {
			t.Fatal("another public key")
		}
		if !bytes.Equal(sign(k.Bytes().Open(), message), ed25519.Sign(theirs, message)) {
			t.Fatal("another signature")
		}
	}
	// A scalar that several made together is neither clamped nor from a seed.
	for _, n := range []*big.Int{big.NewInt(1), big.NewInt(5), new(big.Int).Sub(L, big.NewInt(1)), new(big.Int).Add(L, big.NewInt(5))} {
		k, err := withScalar(t, n)
		if err != nil {
			t.Fatal(err)
		}
		if !ed25519.Verify(k.Public(), message, sign(k.Bytes().Open(), message)) {
			t.Errorf("the signature of scalar %s does not verify", n)
		}
	}
}

func TestNewKeysAreClampedAndTheirPublicKeyIsScalarTimesB(t *testing.T) {
	for range 64 {
		k := newKey(t)
		b := k.Bytes().Open()
		if b[0]&7 != 0 || b[31]&0xc0 != 0x40 {
			t.Fatalf("scalar %x is not clamped", b[:32])
		}
		// A tool that clamps finds the same key.
		clamped, err := edwards25519.NewScalar().SetBytesWithClamping(b[:32])
		if err != nil {
			t.Fatal(err)
		}
		if got := new(edwards25519.Point).ScalarBaseMult(clamped).Bytes(); !bytes.Equal(got, k.Public()) {
			t.Fatal("clamping changes the public key")
		}
	}
}

func TestIntegersEqualModuloTheOrderAreOneKey(t *testing.T) {
	first, err := withScalar(t, big.NewInt(9))
	if err != nil {
		t.Fatal(err)
	}
	for i := int64(1); i < 8; i++ {
		n := new(big.Int).Mul(L, big.NewInt(i))
		same, err := withScalar(t, n.Add(n, big.NewInt(9)))
		if err != nil || !bytes.Equal(same.Public(), first.Public()) {
			t.Errorf("%d: %v", i, err)
		}
		if number(same.Bytes().Open()[:32]).Cmp(n) != 0 {
			t.Errorf("%d: the encoding has changed", i)
		}
	}
}

func TestMalformedPrivateKeysAreRefused(t *testing.T) {
	prefix := bytes.Repeat([]byte{7}, 32)
	scalar := func(n *big.Int) []byte { return append(little(n), prefix...) }
	multiple := new(big.Int).Mul(L, big.NewInt(7))
	for name, bad := range map[string][]byte{
		"nothing":               nil,
		"a seed":                prefix,
		"a byte too few":        scalar(big.NewInt(1))[:63],
		"a byte too many":       append(scalar(big.NewInt(1)), 0),
		"zero":                  scalar(new(big.Int)),
		"the order":             scalar(L),
		"a multiple of it":      scalar(multiple),
		"two to the power 255":  scalar(new(big.Int).Lsh(big.NewInt(1), 255)),
		"ones":                  bytes.Repeat([]byte{0xff}, 64),
		"a prefix of zeros":     append(little(big.NewInt(1)), make([]byte, 32)...),
		"zeros from end to end": make([]byte, 64),
	} {
		if _, err := ParsePrivateKey(secret.New(bad)); err == nil {
			t.Error(name)
		}
	}
	if _, err := FromSeed(secret.New(make([]byte, 64))); err == nil {
		t.Error("a seed of 64 bytes")
	}
}

func torsion(tb testing.TB) []*edwards25519.Point {
	tb.Helper()
	// A point of order 8, by the order of the curve's group over a point outside
	// the subgroup.
	for y := int64(2); ; y++ {
		p, err := new(edwards25519.Point).SetBytes(little(big.NewInt(y)))
		if err != nil {
			continue
		}
		// L·p, with L = (L − 1) + 1, as scalars are taken modulo L.
		less, err := edwards25519.NewScalar().SetCanonicalBytes(little(new(big.Int).Sub(L, big.NewInt(1))))
		if err != nil {
			tb.Fatal(err)
		}
		q := new(edwards25519.Point).ScalarMult(less, p)
		q.Add(q, p)
		four := new(edwards25519.Point).Add(q, q)
		four.Add(four, four)
		if four.Equal(edwards25519.NewIdentityPoint()) == 1 {
			continue
		}
		points, sum := []*edwards25519.Point{}, edwards25519.NewIdentityPoint()
		for range 8 {
			points = append(points, new(edwards25519.Point).Set(sum))
			sum.Add(sum, q)
		}
		return points
	}
}

func malformedPublicKeys(tb testing.TB) map[string][]byte {
	good := newKey(tb).Public()
	point, err := new(edwards25519.Point).SetBytes(good)
	if err != nil {
		tb.Fatal(err)
	}
	bad := map[string][]byte{
		"nothing":             nil,
		"a byte too few":      good[:31],
		"a byte too many":     append(slices.Clone(good), 0),
		"the identity":        little(big.NewInt(1)),
		"the identity, again": little(new(big.Int).Add(P, big.NewInt(1))),
		"the identity marked": append(little(big.NewInt(1))[:31], 0x80),
		"zeros":               make([]byte, 32),
		"the prime":           little(P),
		"ones":                bytes.Repeat([]byte{0xff}, 32),
		"off the curve":       little(big.NewInt(2)),
	}
	for i, q := range torsion(tb)[1:] {
		bad["of small order "+string(rune('1'+i))] = q.Bytes()
		bad["outside the subgroup by "+string(rune('1'+i))] = new(edwards25519.Point).Add(point, q).Bytes()
	}
	return bad
}

func TestMalformedPublicKeysAreRefused(t *testing.T) {
	bad := malformedPublicKeys(t)
	if len(bad) != 24 {
		t.Fatalf("expected 24, found %d", len(bad))
	}
	for name, b := range bad {
		if CheckPublicKey(b) == nil {
			t.Errorf("%s: accepted", name)
		}
		if VerifyPossession(b, nil, newKey(t).ProvePossession(nil)) == nil {
			t.Errorf("%s: verifies", name)
		}
	}
	for range 64 {
		if err := CheckPublicKey(newKey(t).Public()); err != nil {
			t.Fatal(err)
		}
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
	if !k.Bytes().Equal(make([]byte, PrivateKeySize)) {
		t.Error("the key is left")
	}
	if VerifyPossession(k.Public(), nil, k.ProvePossession(nil)) == nil {
		t.Error("a cleared key proves possession")
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
	less, err := edwards25519.NewScalar().SetCanonicalBytes(little(new(big.Int).Sub(L, big.NewInt(1))))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePublicKey(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Bytes(), b) {
			t.Errorf("%x is read and written as %x", b, p.Bytes())
		}
		if q := new(edwards25519.Point).ScalarMult(less, p); q.Add(q, p).Equal(edwards25519.NewIdentityPoint()) != 1 {
			t.Errorf("%x is outside the subgroup", b)
		}
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	f.Add(newKey(f).Bytes().Open())
	f.Add(append(little(L), make([]byte, 32)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParsePrivateKey(secret.Copy(b))
		if err != nil {
			return
		}
		if !k.Bytes().Equal(b) {
			t.Errorf("%x is read and written differently", b)
		}
		if err := CheckPublicKey(k.Public()); err != nil {
			t.Error(err)
		}
	})
}
