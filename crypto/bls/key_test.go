package bls

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

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

var everyDomain = []Domain{DomainDocument, DomainEnvelope, DomainRequest, DomainCheckpoint}

func TestASignatureVerifiesInItsDomainOnly(t *testing.T) {
	k, msg := newKey(t), []byte("message")
	for _, signed := range everyDomain {
		sig := k.Sign(signed, msg)
		if len(sig) != SignatureSize {
			t.Fatalf("expected %d bytes, found %d", SignatureSize, len(sig))
		}
		for _, asked := range everyDomain {
			switch err := k.Public().Verify(asked, msg, sig); {
			case asked == signed && err != nil:
				t.Errorf("%s: %v", signed, err)
			case asked != signed && !errors.Is(err, ErrSignature):
				t.Errorf("signed as %s, verified as %s: %v", signed, asked, err)
			}
		}
		if err := k.Public().VerifyPossession(sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s passes for a proof of possession: %v", signed, err)
		}
	}
}

func TestASignatureBelongsToItsKeyAndMessage(t *testing.T) {
	k, other := newKey(t), newKey(t)
	sig := k.Sign(DomainEnvelope, []byte("message"))
	if err := other.Public().Verify(DomainEnvelope, []byte("message"), sig); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	for _, msg := range []string{"", "messagf", "message\x00", "messag"} {
		if err := k.Public().Verify(DomainEnvelope, []byte(msg), sig); !errors.Is(err, ErrSignature) {
			t.Errorf("message %q: %v", msg, err)
		}
	}
}

func TestSigningIsDeterministicAndTakesAnyLength(t *testing.T) {
	k := newKey(t)
	for _, n := range []int{0, 1, 31, 64, 1 << 20} {
		msg := make([]byte, n)
		sig := k.Sign(DomainEnvelope, msg)
		if !bytes.Equal(sig, k.Sign(DomainEnvelope, msg)) {
			t.Errorf("%d bytes: two signatures", n)
		}
		if err := k.Public().Verify(DomainEnvelope, msg, sig); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestAProofOfPossessionBelongsToItsKey(t *testing.T) {
	k, other := newKey(t), newKey(t)
	proof := k.ProvePossession()
	if err := k.Public().VerifyPossession(proof); err != nil {
		t.Error(err)
	}
	if err := other.Public().VerifyPossession(proof); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	for _, d := range everyDomain {
		if err := k.Public().Verify(d, k.Public().Bytes(), proof); !errors.Is(err, ErrSignature) {
			t.Errorf("the proof passes for a signature as %s: %v", d, err)
		}
	}
}

// The rogue key attack that proofs of possession are for: whoever has not the
// victim's key cannot prove P − victim, which would cancel it in a sum.
func TestARogueKeyHasNoProof(t *testing.T) {
	victim, attacker := newKey(t), newKey(t)
	v, err := ParseG1(victim.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	a, err := ParseG1(attacker.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	rogue, err := ParsePublicKey(a.Sub(v).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, proof := range [][]byte{attacker.ProvePossession(), victim.ProvePossession(), attacker.sign(possessionTag, rogue.Bytes())} {
		if err := rogue.VerifyPossession(proof); !errors.Is(err, ErrSignature) {
			t.Errorf("a rogue key is proved: %v", err)
		}
	}
}

// The vector is one of Ethereum's, which uses the same suite under the IETF's
// own tag.
func TestSigningAgreesWithThePublishedVector(t *testing.T) {
	k, err := ParsePrivateKey(secret.New(fromHex(t, "263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3")))
	if err != nil {
		t.Fatal(err)
	}
	wantKey := "a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a"
	if got := hex.EncodeToString(k.Public().Bytes()); got != wantKey {
		t.Errorf("public key: expected %s, found %s", wantKey, got)
	}
	wantSig := "b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366c96e9ab279fb515809" +
		"0352ea1c5b0c9274504f4f0e7053af24802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55"
	msg, tag := make([]byte, 32), []byte("BLS_SIG_"+suiteID)
	got := k.sign(tag, msg)
	if hex.EncodeToString(got) != wantSig {
		t.Errorf("signature: expected %s, found %x", wantSig, got)
	}
	if err := verify(&k.public.p, msg, tag, got); err != nil {
		t.Error(err)
	}
}

func TestTagsAreWhatTheProtocolSays(t *testing.T) {
	if got := string(DomainEnvelope.tag()); got != "DTA-V1-ENVELOPE-BLS12381G2_XMD:SHA-256_SSWU_RO_POP_" {
		t.Error(got)
	}
	if got := string(possessionTag); got != "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_" {
		t.Error(got)
	}
}

func TestEveryChangedBitOfASignatureIsRefused(t *testing.T) {
	k, msg := newKey(t), []byte("message")
	sig := k.Sign(DomainEnvelope, msg)
	for bit := 0; bit < 8*len(sig); bit += 7 {
		changed := bytes.Clone(sig)
		changed[bit/8] ^= 1 << (bit % 8)
		if k.Public().Verify(DomainEnvelope, msg, changed) == nil {
			t.Errorf("bit %d", bit)
		}
	}
}

func TestMalformedSignaturesAreRefused(t *testing.T) {
	k, msg := newKey(t), []byte("message")
	sig := k.Sign(DomainEnvelope, msg)
	for name, bad := range malformedG2(t) {
		if err := k.Public().Verify(DomainEnvelope, msg, bad); err == nil || errors.Is(err, ErrSignature) {
			t.Errorf("%s: expected to be refused as malformed, found %v", name, err)
		}
	}
	if k.Public().Verify(DomainEnvelope, msg, append(sig, 0)) == nil {
		t.Error("a byte too many")
	}
}

func TestMalformedPublicKeysAreRefused(t *testing.T) {
	for name, bad := range malformedG1(t) {
		if _, err := ParsePublicKey(bad); err == nil {
			t.Error(name)
		}
	}
}

func TestMalformedSecretKeysAreRefused(t *testing.T) {
	for name, bad := range map[string][]byte{
		"nothing":                   nil,
		"a byte too few":            bytes.Repeat([]byte{1}, 31),
		"a byte too many":           bytes.Repeat([]byte{1}, 33),
		"zero":                      make([]byte, 32),
		"the group order":           groupOrder(t),
		"more than the group order": bytes.Repeat([]byte{0xff}, 32),
	} {
		if _, err := ParsePrivateKey(secret.New(bad)); err == nil {
			t.Error(name)
		}
	}
}

func TestKeysSurviveTheirEncodings(t *testing.T) {
	k := newKey(t)
	again, err := ParsePrivateKey(k.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePublicKey(k.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !again.Public().Equal(k.Public()) || !public.Equal(k.Public()) || newKey(t).Public().Equal(public) {
		t.Error("not the same key")
	}
}

func TestAParsedKeyIsItsOwnCopy(t *testing.T) {
	b := newKey(t).Bytes()
	k, err := ParsePrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	b.Clear()
	sig := k.Sign(DomainEnvelope, nil)
	k.Public().Bytes()[0] = 0
	if err := k.Public().Verify(DomainEnvelope, nil, sig); err != nil {
		t.Error(err)
	}
}

func TestAClearedKeySignsNothingThatVerifies(t *testing.T) {
	k := newKey(t)
	k.Clear()
	k.Clear()
	(*PrivateKey)(nil).Clear()
	if !bytes.Equal(k.Bytes().Open(), make([]byte, 32)) {
		t.Error("the key is left")
	}
	if k.Public().Verify(DomainEnvelope, nil, k.Sign(DomainEnvelope, nil)) == nil {
		t.Error("a cleared key signs")
	}
}

func TestSecretKeysAndScalarsDoNotLeak(t *testing.T) {
	k, x := newKey(t), RandomScalar()
	secrettest.DoesNotLeak(t, k, k.Bytes().Open())
	secrettest.DoesNotLeak(t, *k, k.Bytes().Open())
	secrettest.DoesNotLeak(t, x, x.Bytes().Open())
	secrettest.DoesNotLeak(t, *x, x.Bytes().Open())
}
