package dleq

import (
	"bytes"
	"errors"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
)

func TestPossessionIsProvenForItsCommitmentAndContext(t *testing.T) {
	x := bls.RandomScalar()
	p, context := bls.G1Generator().Mul(x), []byte("context")
	proof, err := ProvePossession(x, context)
	if err != nil {
		t.Fatal(err)
	}
	if len(proof) != Size {
		t.Errorf("expected %d bytes, found %d", Size, len(proof))
	}
	if err := VerifyPossession(p, context, proof); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"another context":        VerifyPossession(p, []byte("contexu"), proof),
		"no context":             VerifyPossession(p, nil, proof),
		"another commitment":     VerifyPossession(bls.G1Generator().Mul(bls.RandomScalar()), context, proof),
		"the negated commitment": VerifyPossession(new(bls.G1).Sub(p), context, proof),
		"the sum of two":         VerifyPossession(p.Add(p), context, proof),
	} {
		if !errors.Is(err, ErrPossession) {
			t.Errorf("%s: expected %v, found %v", name, ErrPossession, err)
		}
	}
	for i := range 8 * Size {
		bad := bytes.Clone(proof)
		bad[i/8] ^= 1 << (i % 8)
		if VerifyPossession(p, context, bad) == nil {
			t.Fatalf("bit %d may be either", i)
		}
	}
}

// Whoever answers with P − P_1 as commitment, to cancel another's, has no
// scalar for it.
func TestACommitmentMadeOfAnothersIsNotPossessed(t *testing.T) {
	mine, theirs := bls.RandomScalar(), bls.G1Generator().Mul(bls.RandomScalar())
	rogue := bls.G1Generator().Mul(mine).Sub(theirs)
	proof, err := ProvePossession(mine, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyPossession(rogue, nil, proof); !errors.Is(err, ErrPossession) {
		t.Errorf("expected %v, found %v", ErrPossession, err)
	}
}

func TestWhatIsNoProofOfPossessionIsRefused(t *testing.T) {
	x := bls.RandomScalar()
	p := bls.G1Generator().Mul(x)
	proof, err := ProvePossession(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range malformedProofs(proof) {
		if err := VerifyPossession(p, nil, bad); err == nil || errors.Is(err, ErrPossession) {
			t.Errorf("%s: verified, or computed with: %v", name, err)
		}
	}
	for name, bad := range map[string]*bls.G1{"nil": nil, "the identity": new(bls.G1)} {
		if err := VerifyPossession(bad, nil, proof); err == nil || errors.Is(err, ErrPossession) {
			t.Errorf("%s: verified, or computed with: %v", name, err)
		}
	}
	if _, err := ProvePossession(bls.NewScalar(0), nil); err == nil {
		t.Error("zero is proven")
	}
}

func TestAProofOfPossessionIsNoProofOfEqualLogarithms(t *testing.T) {
	b := newBatch(1)
	possession, err := ProvePossession(b.x, b.context)
	if err != nil {
		t.Fatal(err)
	}
	b.as, b.ds = []*bls.G1{bls.G1Generator()}, []*bls.G1{b.commitment}
	if err := b.verify(possession); !errors.Is(err, ErrProof) {
		t.Errorf("expected %v, found %v", ErrProof, err)
	}
	if err := VerifyPossession(b.commitment, b.context, b.prove(t)); !errors.Is(err, ErrPossession) {
		t.Errorf("expected %v, found %v", ErrPossession, err)
	}
}
