package vss

import (
	"fmt"
	"testing"
)

var benchSizes = []struct{ t, n int }{{1, 1}, {2, 3}, {5, 9}, {32, 32}}

func BenchmarkDeal(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("%d of %d", size.t, size.n), func(b *testing.B) {
			seed := NewSeed()
			for b.Loop() {
				if _, _, err := Deal(seed, size.t, size.n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("%d of %d", size.t, size.n), func(b *testing.B) {
			_, c, shares := deal(b, size.t, size.n)
			for b.Loop() {
				if err := Verify(c, shares[size.n-1]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCombine(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("%d of %d", size.t, size.n), func(b *testing.B) {
			_, c, shares := deal(b, size.t, size.n)
			for b.Loop() {
				if _, err := Combine(c, shares[:size.t]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
