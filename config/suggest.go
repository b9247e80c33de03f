package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/milagro-dta/dta/internal/spelling"
)

// didYouMean is a sentence that names the choice closest to what was written,
// with a space before it, or nothing when none is close.
func didYouMean(found string, choices ...string) string {
	best, least := "", max(2, len(found)/3)+1
	for _, c := range choices {
		if d := spelling.Distance(strings.ToLower(found), strings.ToLower(c)); d < least && d < len(c) {
			best, least = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// oneOfThese writes choices as `"a", "b" or "c"`.
func oneOfThese(choices []string) string {
	quoted := make([]string, len(choices))
	for i, c := range choices {
		quoted[i] = strconv.Quote(c)
	}
	if n := len(quoted); n > 1 {
		return strings.Join(quoted[:n-1], ", ") + " or " + quoted[n-1]
	}
	return strings.Join(quoted, "")
}
