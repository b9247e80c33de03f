package pluginconf

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// unmet is the error of a call that names a file or a variable which is not there, or of no use.
type unmet struct {
	summary string
	// named has one %s, for what was named; unnamed says the same without.
	named, unnamed string
	name           string
}

func (u *unmet) Error() string { return u.unnamed }

func unset(name string) error {
	const hint = "; what a plugin needs of it stands in the env of its block."
	u := &unmet{summary: "Environment variable not set", unnamed: "The plugin's environment has no such variable" + hint}
	if variableForm.MatchString(name) {
		u.name, u.named = name, "The plugin's environment has no variable %s"+hint
	}
	return u
}

func unreadable(path, why string) error {
	u := &unmet{summary: "File not readable", unnamed: "The plugin cannot read the file: " + why + "."}
	if len(path) <= longestPath && !strings.ContainsFunc(path, unicode.IsControl) {
		u.name, u.named = path, "The plugin cannot read the file %s: "+why+"."
	}
	return u
}

const longestPath = 1024 // bytes

var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// explain puts what a failed call named into its diagnostic, and points at the call. Only a name that stands in the
// configuration as it is gets shown, as in the host's own blocks; one that was put together could hold the result of
// another call, and so a secret.
func explain(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		call, ok := d.Expression.(*hclsyntax.FunctionCallExpr)
		extra, is := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
		if !ok || !is {
			continue
		}
		u, is := errors.AsType[*unmet](extra.FunctionCallError())
		if !is {
			continue
		}
		at := call.Range()
		d.Subject, d.Context = &at, nil
		d.Summary, d.Detail = u.summary, u.unnamed
		if u.named != "" && constant(call.Args) {
			d.Detail = fmt.Sprintf(u.named, u.name)
		}
	}
	return diags
}

// constant says whether the arguments are one text without anything to be filled in.
func constant(args []hclsyntax.Expression) bool {
	if len(args) != 1 {
		return false
	}
	text, is := args[0].(*hclsyntax.TemplateExpr)
	return is && text.IsStringLiteral()
}
