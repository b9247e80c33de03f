package vss_test

import (
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/vss"
)

func Example() {
	seed := vss.NewSeed()
	defer seed.Clear()
	commitments, shares, _ := vss.Deal(seed, 2, 3)

	// Each party checks what it was dealt and keeps it as 64 bytes.
	fmt.Println(vss.Verify(commitments, shares[2]))
	kept := shares[2].Bytes()

	// Two of them restore the seed, and a false share is named.
	third, _ := vss.ParseShare(3, kept)
	restored, _ := vss.Combine(commitments, []*vss.Share{third, shares[0]})
	fmt.Println(restored.Equal(seed.Open()))

	kept.Open()[63] ^= 1
	spoilt, _ := vss.ParseShare(3, kept)
	_, err := vss.Combine(commitments, []*vss.Share{spoilt, shares[0]})
	var bad *vss.BadShareError
	fmt.Println(errors.As(err, &bad), bad.Indices)
	// Output:
	// <nil>
	// true
	// true [3]
}
