package edwards

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"testing"
)

func TestAProofOfPossessionBelongsToItsKeyAndContext(t *testing.T) {
	k, context := newKey(t), []byte("context")
	proof := k.ProvePossession(context)
	if err := VerifyPossession(k.Public(), context, proof); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(proof, k.ProvePossession(context)) {
		t.Error("two proofs of one nonce")
	}
	negated := k.Public()
	negated[31] ^= 0x80
	for name, err := range map[string]error{
		"another key":      VerifyPossession(newKey(t).Public(), context, proof),
		"another context":  VerifyPossession(k.Public(), []byte("contexts"), proof),
		"no context":       VerifyPossession(k.Public(), nil, proof),
		"the negative key": VerifyPossession(negated, context, proof),
		"zeros":            VerifyPossession(k.Public(), context, make([]byte, ProofSize)),
	} {
		if !errors.Is(err, ErrPossession) {
			t.Errorf("%s: expected %v, found %v", name, ErrPossession, err)
		}
	}
	for bit := range 8 * len(proof) {
		changed := slices.Clone(proof)
		changed[bit/8] ^= 1 << (bit % 8)
		if VerifyPossession(k.Public(), context, changed) == nil {
			t.Errorf("bit %d changed and verified", bit)
		}
	}
}

// The equation of the proof, over math/big.
func TestAProofKeepsSchnorrsEquation(t *testing.T) {
	k, err := withScalar(t, big.NewInt(5))
	if err != nil {
		t.Fatal(err)
	}
	context := []byte("c")
	proof := k.ProvePossession(context)
	nonce := new(big.Int).Mul(number(proof[:32]), big.NewInt(5))
	nonce.Add(nonce, number(proof[32:])).Mod(nonce, L)
	r, err := withScalar(t, nonce)
	if err != nil {
		t.Fatal(err)
	}

	const tag = "DTA-V1-POSSESSION_edwards25519_SHA-512_"
	statement := sha512.Sum512(bytes.Join([][]byte{[]byte(tag), binary.BigEndian.AppendUint64(nil, 1), context, k.Public()}, nil))
	h := sha512.Sum512(bytes.Join([][]byte{[]byte(tag), statement[:], r.Public()}, nil))
	slices.Reverse(h[:])
	want := new(big.Int).SetBytes(h[:])
	if !bytes.Equal(little(want.Mod(want, L)), proof[:32]) {
		t.Errorf("expected the challenge %x, found %x", little(want), proof[:32])
	}
}

func TestMalformedProofsAreRefused(t *testing.T) {
	k := newKey(t)
	proof := k.ProvePossession(nil)
	more := func(b []byte) []byte { return little(new(big.Int).Add(number(b), L)) }
	for name, bad := range map[string][]byte{
		"nothing":         nil,
		"a byte too few":  proof[:63],
		"a byte too many": append(slices.Clone(proof), 0),
		"c and the order": append(more(proof[:32]), proof[32:]...),
		"z and the order": append(slices.Clone(proof[:32]), more(proof[32:])...),
		"ones":            bytes.Repeat([]byte{0xff}, 64),
	} {
		if err := VerifyPossession(k.Public(), nil, bad); err == nil || errors.Is(err, ErrPossession) {
			t.Errorf("%s: expected to be refused as malformed, found %v", name, err)
		}
	}
}

// A signature is no proof, whatever was signed: not even of the bytes that a
// proof hashes.
func TestASignatureIsNoProof(t *testing.T) {
	k := newKey(t)
	for _, message := range [][]byte{nil, possession(k.Public(), nil)} {
		if VerifyPossession(k.Public(), nil, sign(k.Bytes().Open(), message)) == nil {
			t.Error("a signature proves possession")
		}
	}
}

func FuzzVerifyPossession(f *testing.F) {
	k := newKey(f)
	f.Add(k.ProvePossession([]byte("another context")))
	f.Add(make([]byte, ProofSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if VerifyPossession(k.Public(), nil, b) == nil {
			t.Errorf("%x is a forgery", b)
		}
	})
}
