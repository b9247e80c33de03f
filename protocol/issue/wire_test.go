package issue

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestWhatIsSealedOfAShareIsDAGCBOR(t *testing.T) {
	for _, c := range []struct{ count, size, proof int }{
		{1, bls.G2Size, 0}, {1, bls.G1Size, dleq.Size}, {23, bls.G1Size, dleq.Size}, {24, bls.G1Size, dleq.Size},
		{255, bls.G1Size, dleq.Size}, {256, bls.G1Size, dleq.Size}, {MaxPoints, bls.G1Size, dleq.Size},
	} {
		w := wire{Proof: bytes.Repeat([]byte{9}, c.proof)}
		for i := range c.count {
			w.Points = append(w.Points, bytes.Repeat([]byte{byte(i)}, c.size))
		}
		want := must(dag.Encode(w))(t)
		got := encodeWire(w.Points, w.Proof).Open()
		if !bytes.Equal(got, want) || cap(got) != len(want) {
			t.Fatalf("%d points: expected %d bytes %.40x; found %d of %d, %.40x", c.count, len(want), want, len(got), cap(got), got)
		}
		points, proof, err := decodeWire(want, c.count, c.size, c.proof)
		if err != nil || !bytes.Equal(proof, w.Proof) || !bytes.Equal(bytes.Join(points, nil), bytes.Join(w.Points, nil)) {
			t.Errorf("%d points: found others again, %v", c.count, err)
		}
		for name, read := range map[string]func() ([][]byte, []byte, error){
			"a point fewer": func() ([][]byte, []byte, error) { return decodeWire(want, c.count-1, c.size, c.proof) },
			"a point more":  func() ([][]byte, []byte, error) { return decodeWire(want, c.count+1, c.size, c.proof) },
			"other points":  func() ([][]byte, []byte, error) { return decodeWire(want, c.count, c.size+1, c.proof) },
			"another proof": func() ([][]byte, []byte, error) { return decodeWire(want, c.count, c.size, c.proof+1) },
			"a byte more":   func() ([][]byte, []byte, error) { return decodeWire(append(want, 0), c.count, c.size, c.proof) },
		} {
			if _, _, err := read(); fault.Of(err) != fault.Invalid {
				t.Errorf("%d points, asked for %s: expected a refusal; found %v", c.count, name, err)
			}
		}
	}
}

// TestEveryOtherEncodingOfAShareIsRefused: each byte that is neither point nor
// proof is known.
func TestEveryOtherEncodingOfAShareIsRefused(t *testing.T) {
	const count, size, proofSize = 2, 3, 4
	block := encodeWire([][]byte{{1, 2, 3}, {4, 5, 6}}, []byte{7, 8, 9, 10}).Open()
	accepted := 0
	for i := range block {
		if _, _, err := decodeWire(block[:i], count, size, proofSize); fault.Of(err) != fault.Invalid {
			t.Errorf("cut at %d: expected a refusal; found %v", i, err)
		}
		changed := bytes.Clone(block)
		changed[i] ^= 0x20
		if _, _, err := decodeWire(changed, count, size, proofSize); err == nil {
			accepted++
		}
	}
	if want := count*size + proofSize; accepted != want {
		t.Errorf("expected only the %d bytes of points and proof to be free; found %d", want, accepted)
	}
}
