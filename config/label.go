package config

import (
	"regexp"

	"github.com/hashicorp/hcl/v2"
)

// kind checks the one label of a block that is one of a few kinds.
func (l *loader) kind(block *hcl.Block, kinds ...string) bool {
	t := text{value: block.Labels[0], rng: block.LabelRanges[0], shown: quote(block.Labels[0])}
	for _, k := range kinds {
		if t.value == k {
			return true
		}
	}
	l.errorAt(t.rng, "Unknown kind", "%s is %s; found %s.%s", block.Type, oneOfThese(kinds), t.shown, didYouMean(t.value, kinds...))
	return false
}

// Names appear in file names, URLs and `peer/plugin`.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (l *loader) checkName(t text, of string) bool {
	if nameForm.MatchString(t.value) {
		return true
	}
	l.valueError(t.rng, "Wrong name",
		"The name of a %s is 1 to 64 letters, digits, '-', '_' and '.', the first a letter or digit; found %s.", of, t.said())
	return false
}

// label takes the name of a block from its labels.
func (l *loader) label(block *hcl.Block, i int) (string, bool) {
	t := text{value: block.Labels[i], rng: block.LabelRanges[i], shown: quote(block.Labels[i])}
	return t.value, l.checkName(t, block.Type)
}
