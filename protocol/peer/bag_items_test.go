package peer_test

import (
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// TestTooManyBlocksAreNotDecoded, whatever they are: an answer of another node may
// have millions.
func TestTooManyBlocksAreNotDecoded(t *testing.T) {
	for _, item := range []string{`""`, `0`, `"YQ=="`} {
		text := []byte(`[` + item + strings.Repeat(`,`+item, 1<<20) + `]`)
		var err error
		if allocated := testing.AllocsPerRun(1, func() { err = new(peer.Bag).UnmarshalJSON(text) }); fault.Of(err) != fault.Invalid || allocated > 100 {
			t.Errorf("%s: expected that nothing is decoded; found %f allocations, %v", item, allocated, err)
		}
	}
}
