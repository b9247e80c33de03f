package secp

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
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
	for name, err := range map[string]error{
		"another key":      VerifyPossession(newKey(t).Public(), context, proof),
		"another context":  VerifyPossession(k.Public(), []byte("contexts"), proof),
		"no context":       VerifyPossession(k.Public(), nil, proof),
		"the negative key": VerifyPossession(negated(k.Public()), context, proof),
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

func negated(pub []byte) []byte {
	out := slices.Clone(pub)
	out[0] ^= 1
	return out
}

// The equation of the proof, over decred's own arithmetic and math/big.
func TestAProofKeepsSchnorrsEquation(t *testing.T) {
	k, context := small(t, 5), []byte("c")
	proof := k.ProvePossession(context)
	c, z := new(big.Int).SetBytes(proof[:32]), new(big.Int).SetBytes(proof[32:])
	nonce := new(big.Int).Mul(c, big.NewInt(5))
	nonce.Add(nonce, z).Mod(nonce, order)
	r := secp256k1.PrivKeyFromBytes(encoded(nonce)).PubKey().SerializeCompressed()

	const tag = "DTA-V1-POSSESSION_secp256k1_SHA-256_"
	statement := sha256.Sum256(bytes.Join([][]byte{[]byte(tag), binary.BigEndian.AppendUint64(nil, 1), context, k.Public()}, nil))
	want := sha256.Sum256(bytes.Join([][]byte{[]byte(tag), statement[:], r}, nil))
	if !bytes.Equal(want[:], proof[:32]) {
		t.Errorf("expected the challenge %x, found %x", want, proof[:32])
	}
}

func TestMalformedProofsAreRefused(t *testing.T) {
	k := newKey(t)
	proof := k.ProvePossession(nil)
	for name, bad := range map[string][]byte{
		"nothing":         nil,
		"a byte too few":  proof[:63],
		"a byte too many": append(slices.Clone(proof), 0),
		"c of the order":  append(encoded(order), proof[32:]...),
		"z of the order":  append(slices.Clone(proof[:32]), encoded(order)...),
		"ones":            bytes.Repeat([]byte{0xff}, 64),
	} {
		if err := VerifyPossession(k.Public(), nil, bad); err == nil || errors.Is(err, ErrPossession) {
			t.Errorf("%s: expected to be refused as malformed, found %v", name, err)
		}
	}
	for name, bad := range malformedPublicKeys(t) {
		if VerifyPossession(bad, nil, proof) == nil {
			t.Errorf("%s: verifies", name)
		}
	}
}

// A signature is no proof, whatever was signed: not even of the bytes that a
// proof hashes.
func TestASignatureIsNoProof(t *testing.T) {
	k := newKey(t)
	s := possession(k.Public(), nil)
	if VerifyPossession(k.Public(), nil, k.Sign([32]byte(s))) == nil {
		t.Error("a signature proves possession")
	}
}

func TestAClearedKeyProvesNothing(t *testing.T) {
	k := newKey(t)
	k.Clear()
	if VerifyPossession(k.Public(), nil, k.ProvePossession(nil)) == nil {
		t.Error("a cleared key proves possession")
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
