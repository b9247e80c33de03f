package dleq

import (
	"fmt"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
)

// What a D-TA does for a batch of permits or client secrets, beside the bare
// hashes and multiplications in it.
func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1, 31, 256} {
		batch := newBatch(n)
		bare := func() (as, ds []*bls.G1) {
			for i := range n {
				a := bls.HashToG1(fmt.Appendf(nil, "point %d", i), "DLEQ-TEST")
				as, ds = append(as, a), append(ds, a.Mul(batch.x))
			}
			return as, ds
		}
		b.Run(fmt.Sprintf("bare/%d", n), func(b *testing.B) {
			for b.Loop() {
				bare()
			}
		})
		b.Run(fmt.Sprintf("proven/%d", n), func(b *testing.B) {
			for b.Loop() {
				as, ds := bare()
				if _, err := Prove(batch.x, batch.commitment, as, ds, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		proof := batch.prove(b)
		b.Run(fmt.Sprintf("verified/%d", n), func(b *testing.B) {
			for b.Loop() {
				if err := batch.verify(proof); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPossession(b *testing.B) {
	x := bls.RandomScalar()
	for b.Loop() {
		if _, err := ProvePossession(x, nil); err != nil {
			b.Fatal(err)
		}
	}
}
