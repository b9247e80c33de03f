package bls

import (
	"fmt"

	blst "github.com/supranational/blst/bindings/go"
)

// What blst's Go bindings would spread over worker goroutines is done on the
// calling one: a server has other calls to give its processors to, and for a
// few dozen points the workers' way is the slower one.
func init() { blst.SetMaxProcs(1) }

// CoefficientSize is the size of SumOfProducts' coefficients in bytes.
const CoefficientSize = 16

// SumOfProducts returns cs[0]·points[0] + cs[1]·points[1] + … for coefficients of
// 128 bits, little-endian. Its time depends on both: the coefficients must be
// public, and so must the points be, or their owner one who may see how long it
// takes. It panics where the lengths differ.
func SumOfProducts(points []*G1, cs [][CoefficientSize]byte) *G1 {
	if len(points) != len(cs) {
		panic(fmt.Sprintf("bls: %d points and %d coefficients", len(points), len(cs)))
	}
	// An identity adds nothing, and blst's batches do not expect one.
	kept, scalars := make(blst.P1s, 0, len(points)), make([]byte, 0, len(points)*CoefficientSize)
	for i, p := range points {
		if !p.IsIdentity() {
			kept, scalars = append(kept, p.p), append(scalars, cs[i][:]...)
		}
	}
	if len(kept) == 0 {
		return new(G1)
	}
	affine := kept.ToAffine()
	defer clear(affine)
	defer clear(kept)
	return &G1{p: *affine.Mult(scalars, 8*CoefficientSize)}
}

// EncodeG1 returns the 48-byte encodings of many points. It shares among them
// the inversion which each Bytes takes for itself. Of secret points the caller
// clears them.
func EncodeG1(points []*G1) [][]byte {
	if len(points) == 0 {
		return nil
	}
	all, out := make(blst.P1s, len(points)), make([][]byte, len(points))
	for i, p := range points {
		if p.IsIdentity() {
			all[i] = *blst.P1Generator() // A place holder for the batch.
			continue
		}
		all[i] = p.p
	}
	affine := all.ToAffine()
	defer clear(affine)
	defer clear(all)
	for i := range affine {
		if points[i].IsIdentity() {
			out[i] = points[i].Bytes()
			continue
		}
		out[i] = affine[i].Compress()
	}
	return out
}
