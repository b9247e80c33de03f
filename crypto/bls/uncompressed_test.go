package bls

import (
	"bytes"
	"math/big"
	"testing"

	blst "github.com/supranational/blst/bindings/go"
)

// parts cuts an encoding into coordinates of 48 bytes, the last one shorter if
// need be.
func parts(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		end := min(FieldSize, len(b))
		out[i], b = b[:end], b[end:]
	}
	return out
}

func parse1(b []byte) (*G1, error) {
	p := parts(b, 2)
	return ParseG1Coordinates(p[0], p[1])
}

func parse2(b []byte) (*G2, error) {
	p := parts(b, 4)
	return ParseG2Coordinates(p[0], p[1], p[2], p[3])
}

func write1(g *G1) []byte {
	x, y := g.Coordinates()
	return bytes.Join([][]byte{x, y}, nil)
}

func write2(g *G2) []byte {
	x0, x1, y0, y1 := g.Coordinates()
	return bytes.Join([][]byte{x0, x1, y0, y1}, nil)
}

// malformedCoordinates are of G1 (96 bytes) or of G2 (192).
func malformedCoordinates(tb testing.TB, good []byte) map[string][]byte {
	with := func(at int, set byte) []byte {
		b := bytes.Clone(good)
		b[at] |= set
		return b
	}
	out := map[string][]byte{
		"nothing":                nil,
		"a byte too few":         good[:len(good)-1],
		"the identity":           make([]byte, len(good)),
		"blst's identity":        append([]byte{infinity}, make([]byte, len(good)-1)...),
		"ones":                   bytes.Repeat([]byte{0xff}, len(good)),
		"off the curve":          append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1),
		"marked as compressed":   with(0, compressed),
		"marked as the identity": with(0, infinity),
		"marked as larger":       with(0, larger),
		"a mark in the middle":   with(FieldSize, compressed),
	}
	for at := 0; at < len(good); at += FieldSize {
		b := bytes.Clone(good)
		part := b[at : at+FieldSize]
		new(big.Int).Add(new(big.Int).SetBytes(part), new(big.Int).SetBytes(fieldModulus(tb))).FillBytes(part)
		out["a coordinate not reduced, at "+string(rune('0'+at/FieldSize))] = b
	}
	if len(good) == 2*FieldSize {
		out["off the subgroup"] = new(blst.P1Affine).Uncompress(offSubgroup(tb, G1Size)).Serialize()
	} else {
		b := new(blst.P2Affine).Uncompress(offSubgroup(tb, G2Size)).Serialize()
		p := parts(b, 4)
		out["off the subgroup"] = bytes.Join([][]byte{p[1], p[0], p[3], p[2]}, nil)
		out["imaginary parts first"] = bytes.Join([][]byte{parts(good, 4)[1], parts(good, 4)[0], parts(good, 4)[3], parts(good, 4)[2]}, nil)
	}
	return out
}

func TestPointsSurviveTheirCoordinates(t *testing.T) {
	for range 10 {
		p, q := randomG1(), randomG2()
		if again, err := parse1(write1(p)); err != nil || !again.Equal(p) {
			t.Errorf("G1: %v", err)
		}
		if again, err := parse2(write2(q)); err != nil || !again.Equal(q) {
			t.Errorf("G2: %v", err)
		}
	}
	if !isZero(write1(new(G1))) || !isZero(write2(new(G2))) {
		t.Error("the identities have coordinates")
	}
}

func TestMalformedCoordinatesAreRefused(t *testing.T) {
	for name, bad := range malformedCoordinates(t, write1(randomG1())) {
		if p, err := parse1(bad); err == nil {
			t.Errorf("G1, %s: %x", name, p.Bytes())
		}
	}
	for name, bad := range malformedCoordinates(t, write2(randomG2())) {
		if p, err := parse2(bad); err == nil {
			t.Errorf("G2, %s: %x", name, p.Bytes())
		}
	}
}

func FuzzParseCoordinates(f *testing.F) {
	for _, good := range [][]byte{write1(G1Generator()), write2(G2Generator())} {
		f.Add(good)
		for _, bad := range malformedCoordinates(f, good) {
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 2*FieldSize {
			p, err := parse1(b)
			canonical(t, b, func() []byte { return write1(p) }, err)
			return
		}
		q, err := parse2(b[:min(len(b), 4*FieldSize)])
		canonical(t, b[:min(len(b), 4*FieldSize)], func() []byte { return write2(q) }, err)
	})
}
