package peer

import (
	"crypto/rand"
	"encoding/json"
	"testing"
)

// TestChainsArePackedIntoCallsThatFit: at their bounds, one chain is a call.
func TestChainsArePackedIntoCallsThatFit(t *testing.T) {
	const documents, largest = 64, 72 << 10
	for _, c := range []struct{ chains, size, calls int }{
		{1, largest, 1}, {3, largest, 3}, {8, 7 << 10, 1}, {9, 7 << 10, 2}, {72, 7 << 10, 9}, {0, 0, 0},
	} {
		var chains [][][]byte
		for range c.chains {
			var chain [][]byte
			for range documents {
				block := make([]byte, c.size)
				rand.Read(block)
				chain = append(chain, block)
			}
			chains = append(chains, chain)
		}
		bags := bundles(chains)
		if len(bags) != c.calls {
			t.Errorf("%d chains of %d bytes a document: expected %d calls; found %d", c.chains, c.size, c.calls, len(bags))
		}
		held := 0
		for _, b := range bags {
			text, err := json.Marshal(ShowDocuments{b})
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > MaxBody || b.Len() > MaxBlocks {
				t.Errorf("found a call of %d bytes and %d blocks", len(text), b.Len())
			}
			held += b.Len()
		}
		if held != documents*c.chains {
			t.Errorf("expected %d blocks; found %d", documents*c.chains, held)
		}
	}
}
