package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// OneLine is what is wrong, with its places, as an error's text. The lines of
// the file, which may show a secret, are left out.
func OneLine(diags hcl.Diagnostics) string {
	var all []string
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		text := strings.TrimSuffix(d.Summary+": "+d.Detail, ".")
		if at := d.Subject; at != nil {
			text = fmt.Sprintf("%s:%d: %s", at.Filename, at.Start.Line, text)
		}
		all = append(all, strings.TrimSuffix(text, ": "))
	}
	return strings.Join(all, "; ")
}
