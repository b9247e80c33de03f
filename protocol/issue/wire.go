package issue

import (
	"bytes"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// What is sealed of a share is the DAG-CBOR map
//
//	{proof: bytes, points: [bytes, …]}
//
// of compressed points, 48 bytes in G1 and 96 in G2, and in G1 a proof of
// dleq.Size bytes, in G2 an empty one. It is written and read here, for package
// dag's library keeps buffers that nobody clears. How many points there are, and
// of what size, follows from the request: what remains is known byte by byte.

// CBOR's major types.
const (
	cborBytes = 0x40
	cborList  = 0x80
)

// cborHead is the shortest head of an item of fewer than 65536 bytes or elements.
func cborHead(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	}
	return []byte{major | 25, byte(n >> 8), byte(n)}
}

// wireProof and wirePoints are what goes before the proof, and before the points.
func wireProof(size int) []byte {
	return append([]byte("\xa2\x65proof"), cborHead(cborBytes, size)...)
}

func wirePoints(count int) []byte {
	return append([]byte("\x66points"), cborHead(cborList, count)...)
}

// encodeWire writes points of one size. The caller clears the result, and what it
// gave.
func encodeWire(points [][]byte, proof []byte) *secret.Bytes {
	size := len(wireProof(len(proof))) + len(proof) + len(wirePoints(len(points)))
	for _, p := range points {
		size += len(cborHead(cborBytes, len(p))) + len(p)
	}
	b := make([]byte, 0, size) // never grown, which would leave a copy
	b = append(append(b, wireProof(len(proof))...), proof...)
	b = append(b, wirePoints(len(points))...)
	for _, p := range points {
		b = append(append(b, cborHead(cborBytes, len(p))...), p...)
	}
	return secret.New(b)
}

// decodeWire reads count points of size bytes and a proof of proofSize. What it
// returns lies in b.
func decodeWire(b []byte, count, size, proofSize int) (points [][]byte, proof []byte, err error) {
	rest, ok := bytes.CutPrefix(b, wireProof(proofSize))
	if !ok || len(rest) < proofSize {
		return nil, nil, fault.New(fault.Invalid, "expected a proof of %d bytes, found another encoding", proofSize)
	}
	proof, rest = rest[:proofSize], rest[proofSize:]
	head := cborHead(cborBytes, size)
	rest, ok = bytes.CutPrefix(rest, wirePoints(count))
	if !ok || len(rest) != count*(len(head)+size) {
		return nil, nil, fault.New(fault.Invalid, "expected %d points of %d bytes, found another encoding", count, size)
	}
	points = make([][]byte, count)
	for i := range points {
		p, ok := bytes.CutPrefix(rest[:len(head)+size], head)
		if !ok {
			return nil, nil, fault.New(fault.Invalid, "point %d: expected %d bytes, found another encoding", i, size)
		}
		points[i], rest = p, rest[len(head)+size:]
	}
	return points, proof, nil
}
