package spelling_test

import (
	"strings"
	"testing"

	"github.com/milagro-dta/dta/internal/spelling"
)

func TestTheDistanceBetweenWords(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"pin", "pin", 0}, {"pin", "pim", 1}, {"pin", "in", 1}, {"pin", "spin", 1},
		{"", "pin", 3}, {"modul", "module", 1}, {"kitten", "sitting", 3}, {"slot", "pin", 4},
		{strings.Repeat("a", 128), strings.Repeat("b", 128), 128},
		{strings.Repeat("a", 129), "a", 1 << 20},
	} {
		if got := spelling.Distance(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: expected %d; found %d", test.a, test.b, test.want, got)
		}
		if got := spelling.Distance(test.b, test.a); got != test.want {
			t.Errorf("%q, %q: expected the same both ways; found %d", test.b, test.a, got)
		}
	}
}
