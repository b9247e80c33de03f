package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// showSource marks a diagnostic whose source line may be printed whole.
type showSource struct{}

// ShowSource marks a diagnostic whose source line may be printed as it is: the
// value on it is the matter, and its option is known to hold no secret. Without
// the mark, [Write] strikes out everything right of the equals sign.
func ShowSource(d *hcl.Diagnostic) { d.Extra = showSource{} }

// brokenSyntax marks what the parser found: a misplaced quote makes labels of
// values, so that not even the block it lies in can be named.
type brokenSyntax struct{}

func shows(d *hcl.Diagnostic) bool {
	_, ok := d.Extra.(showSource)
	return ok
}

// errorAt reports an error; values on its line are not shown.
func (l *loader) errorAt(at hcl.Range, summary, format string, a ...any) {
	l.report(hcl.DiagError, at, summary, format, a...)
}

// valueError reports an error in a value that holds no secret.
func (l *loader) valueError(at hcl.Range, summary, format string, a ...any) {
	ShowSource(l.report(hcl.DiagError, at, summary, format, a...))
}

// warn reports what works but should not stay.
func (l *loader) warn(at hcl.Range, summary, format string, a ...any) {
	ShowSource(l.report(hcl.DiagWarning, at, summary, format, a...))
}

func (l *loader) report(severity hcl.DiagnosticSeverity, at hcl.Range, summary, format string, a ...any) *hcl.Diagnostic {
	d := &hcl.Diagnostic{Severity: severity, Summary: summary, Detail: fmt.Sprintf(format, a...), Subject: at.Ptr()}
	l.diags = append(l.diags, d)
	return d
}

// at names a place as an editor does.
func at(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// inOrder sorts diagnostics by their place in the file.
func inOrder(diags hcl.Diagnostics) {
	place := func(d *hcl.Diagnostic) (string, int) {
		if d.Subject == nil {
			return "", -1
		}
		return d.Subject.Filename, d.Subject.Start.Byte
	}
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		fa, ba := place(a)
		fb, bb := place(b)
		return cmp.Or(cmp.Compare(fa, fb), cmp.Compare(ba, bb))
	})
}
