package strict_test

import (
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/strict"
)

// TestManySmallItemsAreRefusedBeforeTheyAreDecoded: they would take twenty times the
// memory of their text.
func TestManySmallItemsAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	for name, item := range map[string]string{"words": `""`, "list": `0`} {
		text := func(n int) []byte { return []byte(`{"` + name + `":[` + item + strings.Repeat(","+item, n-1) + `]}`) }
		const most = 1 << 16
		if err := strict.Decode(text(most+1), new(outer)); err == nil || !strings.Contains(err.Error(), "at most 65536") {
			t.Errorf("%s: expected that so many are refused; found %v", name, err)
		}
		many := text(4 << 20)
		if allocated := testing.AllocsPerRun(1, func() { strict.Decode(many, new(outer)) }); allocated > 100 {
			t.Errorf("%s: expected that nothing is decoded; found %f allocations", name, allocated)
		}
	}
	var got outer
	if err := strict.Decode([]byte(`{"words":[""`+strings.Repeat(`,""`, 1<<16-1)+`]}`), &got); err != nil || len(got.Words) != 1<<16 {
		t.Errorf("expected %d words; found %d, %v", 1<<16, len(got.Words), err)
	}
}
