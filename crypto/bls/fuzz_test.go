package bls

import (
	"bytes"
	"testing"
)

// What is accepted has one encoding: the one that was read.
func canonical(t *testing.T, b []byte, written func() []byte, err error) {
	if err == nil && !bytes.Equal(b, written()) {
		t.Errorf("%x is read and written as %x", b, written())
	}
}

func FuzzParseG1(f *testing.F) {
	f.Add(G1Generator().Bytes())
	for _, seed := range malformedG1(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseG1(b)
		canonical(t, b, func() []byte { return g.Bytes() }, err)
	})
}

func FuzzParseG2(f *testing.F) {
	f.Add(G2Generator().Bytes())
	for _, seed := range malformedG2(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseG2(b)
		canonical(t, b, func() []byte { return g.Bytes() }, err)
	})
}

func FuzzParseScalar(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add(groupOrder(f))
	f.Add(RandomScalar().Bytes().Open())
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ParseScalar(b)
		canonical(t, b, func() []byte { return x.Bytes().Open() }, err)
	})
}
