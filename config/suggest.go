package config

import (
	"fmt"
	"strconv"
	"strings"
)

// didYouMean is a sentence that names the choice closest to what was written,
// with a space before it, or nothing when none is close.
func didYouMean(found string, choices ...string) string {
	best, least := "", max(2, len(found)/3)+1
	for _, c := range choices {
		if d := distance(strings.ToLower(found), strings.ToLower(c)); d < least && d < len(c) {
			best, least = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// distance counts the letters to insert, remove or replace between two words
// (Levenshtein). Long words are far from everything.
func distance(a, b string) int {
	if len(a) > 128 || len(b) > 128 {
		return 1 << 20
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
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
