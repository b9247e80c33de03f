package pluginconf

import (
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/milagro-dta/dta/sdk/contract"
)

// spots are the lines of a source, first to last, that show a secret.
type spots [][2]int

func sensitiveSpots(body *hclsyntax.Body, fields *fieldSet) spots {
	secrets := fields.secrets()
	any := len(secrets) > 0
	var found spots
	var walk func(body *hclsyntax.Body, fields *fieldSet, all bool)
	walk = func(body *hclsyntax.Body, fields *fieldSet, all bool) {
		for name, attr := range body.Attributes {
			hide := all
			if fields != nil && !all {
				f := fields.byName[name]
				hide = f != nil && f.sensitive || f == nil && any && !fields.mayShow(name, secrets)
			}
			if hide {
				found = append(found, [2]int{attr.SrcRange.Start.Line, attr.SrcRange.End.Line})
			}
		}
		for _, b := range body.Blocks {
			var f *field
			if fields != nil {
				f = fields.byName[b.Type]
			}
			if f == nil || f.block == nil {
				// A block that nobody knows: with secrets about, nothing in it is shown.
				walk(b.Body, nil, any)
				continue
			}
			walk(b.Body, f.block, all || f.sensitive)
		}
	}
	walk(body, fields, false)
	return found
}

func (s spots) touch(r *hcl.Range) bool {
	if r == nil {
		return false
	}
	for _, span := range s {
		if r.Start.Line <= span[1] && span[0] <= r.End.Line {
			return true
		}
	}
	return false
}

// protect marks the diagnostics that touch a sensitive line and takes out of them every quoted word that is not a
// name of the author's, since HCL quotes the source. A nil names leaves the words: they are the author's own.
func (s spots) protect(diags hcl.Diagnostics, names map[string]bool) hcl.Diagnostics {
	for _, d := range diags {
		d.Expression, d.EvalContext = nil, nil
		if !s.touch(d.Subject) && !s.touch(d.Context) {
			continue
		}
		if names != nil {
			d.Detail = blotQuoted(d.Detail, names)
		}
		d.Context = nil
		d.Extra = contract.Sensitive{}
	}
	return diags
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

func blotQuoted(text string, names map[string]bool) string {
	return quoted.ReplaceAllStringFunc(text, func(q string) string {
		if names[strings.Trim(q, `"`)] {
			return q
		}
		return "[not shown]"
	})
}
