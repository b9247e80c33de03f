package dleq

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
)

// batch is a true statement over n points and what proves it.
type batch struct {
	x          *bls.Scalar
	commitment *bls.G1
	as, ds     []*bls.G1
	context    []byte
}

func newBatch(n int) *batch {
	b := &batch{x: bls.RandomScalar(), context: []byte("context")}
	b.commitment = bls.G1Generator().Mul(b.x)
	for i := range n {
		a := bls.HashToG1(fmt.Appendf(nil, "point %d", i), "DLEQ-TEST")
		b.as, b.ds = append(b.as, a), append(b.ds, a.Mul(b.x))
	}
	return b
}

func (b *batch) clone() *batch {
	c := *b
	c.as, c.ds = slices.Clone(b.as), slices.Clone(b.ds)
	return &c
}

func (b *batch) prove(tb testing.TB) []byte {
	tb.Helper()
	proof, err := Prove(b.x, b.commitment, b.as, b.ds, b.context)
	if err != nil {
		tb.Fatal(err)
	}
	return proof
}

func (b *batch) verify(proof []byte) error {
	return Verify(b.commitment, b.as, b.ds, b.context, proof)
}

func TestATrueStatementIsProven(t *testing.T) {
	for _, n := range []int{1, 2, 3, 31, 32, 33, 256, 1000} {
		b := newBatch(n)
		proof := b.prove(t)
		if len(proof) != Size {
			t.Errorf("%d points: expected %d bytes, found %d", n, Size, len(proof))
		}
		if err := b.verify(proof); err != nil {
			t.Errorf("%d points: %v", n, err)
		}
	}
}

func TestTheLargestBatchIsProvenAndALargerOneRefused(t *testing.T) {
	b := newBatch(1)
	b.as, b.ds = slices.Repeat(b.as, MaxPairs), slices.Repeat(b.ds, MaxPairs)
	if err := b.verify(b.prove(t)); err != nil {
		t.Error(err)
	}
	b.as, b.ds = append(b.as, b.as[0]), append(b.ds, b.ds[0])
	if _, err := Prove(b.x, b.commitment, b.as, b.ds, nil); err == nil {
		t.Error("a larger batch is proven")
	}
	if err := b.verify(make([]byte, Size)); err == nil || errors.Is(err, ErrProof) {
		t.Errorf("a larger batch is looked at: %v", err)
	}
}

func TestTheSameScalarAsZeroAndOneIsProvenWhereItIsNotZero(t *testing.T) {
	b := newBatch(3)
	b.x = bls.NewScalar(1)
	b.commitment, b.ds = bls.G1Generator(), b.as
	if err := b.verify(b.prove(t)); err != nil {
		t.Error(err)
	}
	if _, err := Prove(bls.NewScalar(0), new(bls.G1), b.as, b.ds, nil); err == nil {
		t.Error("zero is proven")
	}
}

func TestAProofHoldsForItsStatementOnly(t *testing.T) {
	good := newBatch(5)
	proof, other := good.prove(t), newBatch(5)
	for name, change := range map[string]func(*batch){
		"another context":             func(b *batch) { b.context = []byte("contexu") },
		"no context":                  func(b *batch) { b.context = nil },
		"a longer context":            func(b *batch) { b.context = append(bytes.Clone(b.context), 0) },
		"another commitment":          func(b *batch) { b.commitment = other.commitment },
		"the negated commitment":      func(b *batch) { b.commitment = new(bls.G1).Sub(b.commitment) },
		"a point changed":             func(b *batch) { b.as[2] = b.as[2].Add(bls.G1Generator()) },
		"a result changed":            func(b *batch) { b.ds[4] = b.ds[4].Add(bls.G1Generator()) },
		"a result of another scalar":  func(b *batch) { b.ds[0] = other.ds[0] },
		"two points swapped":          func(b *batch) { b.as[0], b.as[1] = b.as[1], b.as[0] },
		"two results swapped":         func(b *batch) { b.ds[0], b.ds[1] = b.ds[1], b.ds[0] },
		"two pairs swapped":           func(b *batch) { b.as[0], b.as[1], b.ds[0], b.ds[1] = b.as[1], b.as[0], b.ds[1], b.ds[0] },
		"points and results swapped":  func(b *batch) { b.as, b.ds = b.ds, b.as },
		"a pair left out":             func(b *batch) { b.as, b.ds = b.as[1:], b.ds[1:] },
		"a pair more":                 func(b *batch) { b.as, b.ds = append(b.as, b.as[0]), append(b.ds, b.ds[0]) },
		"errors that cancel in a sum": func(b *batch) { b.ds[0], b.ds[1] = b.ds[0].Add(b.as[3]), b.ds[1].Sub(b.as[3]) },
		"all results of another scalar, with its commitment": func(b *batch) { b.commitment, b.ds = other.commitment, other.ds },
	} {
		b := good.clone()
		change(b)
		if err := b.verify(proof); !errors.Is(err, ErrProof) {
			t.Errorf("%s: expected %v, found %v", name, ErrProof, err)
		}
	}
	if err := good.verify(proof); err != nil {
		t.Errorf("the good statement was changed by the others: %v", err)
	}
}

func TestEveryBitOfAProofCounts(t *testing.T) {
	b := newBatch(2)
	proof := b.prove(t)
	for i := range 8 * Size {
		bad := bytes.Clone(proof)
		bad[i/8] ^= 1 << (i % 8)
		if b.verify(bad) == nil {
			t.Fatalf("bit %d may be either", i)
		}
	}
}

func TestAFalseStatementIsNotProven(t *testing.T) {
	for name, change := range map[string]func(*batch){
		"another scalar":           func(b *batch) { b.x = bls.RandomScalar() },
		"a commitment of another":  func(b *batch) { b.commitment = bls.G1Generator().Mul(bls.RandomScalar()) },
		"a wrong result":           func(b *batch) { b.ds[1] = b.ds[1].Add(b.as[0]) },
		"results in another order": func(b *batch) { b.ds[0], b.ds[1] = b.ds[1], b.ds[0] },
	} {
		b := newBatch(2)
		change(b)
		if err := b.verify(b.prove(t)); !errors.Is(err, ErrProof) {
			t.Errorf("%s: expected %v, found %v", name, ErrProof, err)
		}
	}
}

func TestWhatIsNoStatementIsRefusedBeforeItIsComputed(t *testing.T) {
	good := newBatch(2)
	proof, identity := good.prove(t), new(bls.G1)
	for name, change := range map[string]func(*batch){
		"no pairs":                   func(b *batch) { b.as, b.ds = nil, nil },
		"a result too few":           func(b *batch) { b.ds = b.ds[:1] },
		"a point too few":            func(b *batch) { b.as = b.as[:1] },
		"the identity as point":      func(b *batch) { b.as[0] = identity },
		"the identity as result":     func(b *batch) { b.ds[1] = identity },
		"the identity as both":       func(b *batch) { b.as[0], b.ds[0] = identity, identity },
		"the identity as commitment": func(b *batch) { b.commitment = identity },
		"no commitment":              func(b *batch) { b.commitment = nil },
		"no point":                   func(b *batch) { b.as[0] = nil },
	} {
		b := good.clone()
		change(b)
		if err := b.verify(proof); err == nil || errors.Is(err, ErrProof) {
			t.Errorf("%s: verified, or computed with: %v", name, err)
		}
		if _, err := Prove(b.x, b.commitment, b.as, b.ds, b.context); err == nil {
			t.Errorf("%s: proven", name)
		}
	}
	for name, bad := range malformedProofs(proof) {
		if err := good.verify(bad); err == nil || errors.Is(err, ErrProof) {
			t.Errorf("%s: verified, or computed with: %v", name, err)
		}
	}
}

func malformedProofs(good []byte) map[string][]byte {
	order := bls.NewScalar(0).Sub(bls.NewScalar(1)).Bytes().Open()
	order[len(order)-1]++ // r − 1 is even.
	return map[string][]byte{
		"nothing":                      nil,
		"a byte too few":               good[1:],
		"a byte too many":              append(bytes.Clone(good), 0),
		"a challenge of r":             append(bytes.Clone(order), good[32:]...),
		"an answer of r":               append(bytes.Clone(good[:32]), order...),
		"a challenge of all ones":      append(bytes.Repeat([]byte{0xff}, 32), good[32:]...),
		"an answer that is all ones":   append(bytes.Clone(good[:32]), bytes.Repeat([]byte{0xff}, 32)...),
		"the first half":               good[:32],
		"the uncompressed form's size": make([]byte, 192),
	}
}

func TestProofsOfOneStatementDiffer(t *testing.T) {
	b := newBatch(1)
	if bytes.Equal(b.prove(t), b.prove(t)) {
		t.Error("two proofs with one nonce")
	}
}

func TestAnotherBaseIsAnotherStatement(t *testing.T) {
	b, base := newBatch(2), bls.HashToG1([]byte("base"), "DLEQ-TEST")
	commitment := base.Mul(b.x)
	proof, err := ProveOver(base, b.x, commitment, b.as, b.ds, b.context)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyOver(base, commitment, b.as, b.ds, b.context, proof); err != nil {
		t.Error(err)
	}
	if err := Verify(b.commitment, b.as, b.ds, b.context, proof); !errors.Is(err, ErrProof) {
		t.Errorf("the generator as base: %v", err)
	}
	if err := VerifyOver(new(bls.G1), commitment, b.as, b.ds, b.context, proof); err == nil {
		t.Error("the identity as base")
	}
}
