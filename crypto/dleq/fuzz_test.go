package dleq

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
)

// Nothing but the proofs that were made verifies, and nothing panics.
func FuzzVerify(f *testing.F) {
	b := newBatch(2)
	good := b.prove(f)
	f.Add(good, b.context)
	f.Add(good, []byte{})
	for _, bad := range malformedProofs(good) {
		f.Add(bad, b.context)
	}
	f.Fuzz(func(t *testing.T, proof, context []byte) {
		err := Verify(b.commitment, b.as, b.ds, context, proof)
		if made := bytes.Equal(proof, good) && bytes.Equal(context, b.context); (err == nil) != made {
			t.Errorf("proof %x, context %x: %v", proof, context, err)
		}
	})
}

func FuzzVerifyPossession(f *testing.F) {
	x, context := bls.RandomScalar(), []byte("context")
	p := bls.G1Generator().Mul(x)
	good, err := ProvePossession(x, context)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, context)
	for _, bad := range malformedProofs(good) {
		f.Add(bad, context)
	}
	f.Fuzz(func(t *testing.T, proof, about []byte) {
		err := VerifyPossession(p, about, proof)
		if made := bytes.Equal(proof, good) && bytes.Equal(about, context); (err == nil) != made {
			t.Errorf("proof %x, context %x: %v", proof, about, err)
		}
	})
}
