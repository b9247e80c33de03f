package contract

import (
	"github.com/hashicorp/hcl/v2"
)

// Sensitive marks, as the Extra of an hcl.Diagnostic, source lines that hold a secret. Whoever prints the
// diagnostic must leave the lines out; IsSensitive tells.
type Sensitive struct{}

// IsSensitive says whether the source lines of d must not be printed.
func IsSensitive(d *hcl.Diagnostic) bool {
	_, ok := d.Extra.(Sensitive)
	return ok
}

// FromHCL turns diagnostics into data. Expressions and their values are left behind: HCL's own writer would print
// the values of variables, secrets among them. At most MaxDiagnostics are kept.
func FromHCL(diags hcl.Diagnostics) []*Diagnostic {
	if len(diags) > MaxDiagnostics {
		diags = diags[:MaxDiagnostics]
	}
	out := make([]*Diagnostic, 0, len(diags))
	for _, d := range diags {
		w := &Diagnostic{
			Severity:  Diagnostic_ERROR,
			Summary:   d.Summary,
			Detail:    d.Detail,
			Sensitive: IsSensitive(d),
		}
		if d.Severity == hcl.DiagWarning {
			w.Severity = Diagnostic_WARNING
		}
		if d.Subject != nil {
			w.Range = &Range{Filename: d.Subject.Filename, Start: FromPos(d.Subject.Start), End: FromPos(d.Subject.End)}
		}
		out = append(out, w)
	}
	return out
}

// ToHCL turns what a plugin sent into diagnostics that a host can print against the operator's file. Nothing in
// them is trusted: a range that is not within filename is dropped, so that a plugin cannot point at other files.
func ToHCL(diags []*Diagnostic, filename string) hcl.Diagnostics {
	if len(diags) > MaxDiagnostics {
		diags = diags[:MaxDiagnostics]
	}
	out := make(hcl.Diagnostics, 0, len(diags))
	for _, w := range diags {
		d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: w.GetSummary(), Detail: w.GetDetail()}
		if w.GetSeverity() == Diagnostic_WARNING {
			d.Severity = hcl.DiagWarning
		}
		if w.GetSensitive() {
			d.Extra = Sensitive{}
		}
		if r := w.GetRange(); r != nil && r.Filename == filename {
			start, end := ToPos(r.GetStart()), ToPos(r.GetEnd())
			if start.Byte >= 0 && start.Line >= 1 && start.Column >= 1 && end.Byte >= start.Byte && end.Line >= start.Line {
				d.Subject = &hcl.Range{Filename: filename, Start: start, End: end}
			}
		}
		out = append(out, d)
	}
	return out
}

// FromPos turns a position into data.
func FromPos(p hcl.Pos) *Position {
	return &Position{Line: int64(p.Line), Column: int64(p.Column), Byte: int64(p.Byte)}
}

// ToPos is its inverse.
func ToPos(p *Position) hcl.Pos {
	return hcl.Pos{Line: int(p.GetLine()), Column: int(p.GetColumn()), Byte: int(p.GetByte())}
}
