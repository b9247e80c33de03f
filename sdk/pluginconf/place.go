package pluginconf

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// place turns an author's problems into diagnostics at the operator's lines.
func (r *Result) place(problems []Problem, body *hclsyntax.Body, fields *fieldSet, known hcl.Diagnostics, deferred map[string]bool) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range problems {
		if deferred[p.Attribute] {
			continue
		}
		attr, missing, at := find(body, fields, p.Attribute)
		if missing || attr != nil && complained(known, attr.SrcRange) {
			continue
		}
		d := &hcl.Diagnostic{Severity: hcl.DiagError, Summary: r.Scrub(p.Summary), Detail: r.Scrub(p.Detail), Subject: &at}
		if p.Warning {
			d.Severity = hcl.DiagWarning
		}
		diags = append(diags, d)
	}
	return diags
}

// find looks up an attribute by its dotted path. missing says that a required one is absent, which the decoder has
// reported. at is the place to point to: the attribute, or the nearest block around where it should be.
func find(body *hclsyntax.Body, fields *fieldSet, path string) (attr *hclsyntax.Attribute, missing bool, at hcl.Range) {
	at = body.MissingItemRange()
	if path == "" {
		return nil, false, at
	}
	parts := strings.Split(path, ".")
	for _, name := range parts[:len(parts)-1] {
		var next *hclsyntax.Block
		for _, b := range body.Blocks {
			if b.Type == name {
				next = b
				break
			}
		}
		if next == nil {
			return nil, false, at
		}
		body, at = next.Body, next.DefRange()
		if fields != nil && fields.byName[name] != nil {
			fields = fields.byName[name].block
		}
	}
	name := parts[len(parts)-1]
	if a, ok := body.Attributes[name]; ok {
		return a, false, a.SrcRange
	}
	if fields != nil {
		if f := fields.byName[name]; f != nil && f.block == nil && f.required {
			return nil, true, at
		}
	}
	for _, b := range body.Blocks {
		if b.Type == name {
			return nil, false, b.DefRange()
		}
	}
	return nil, false, at
}

// complained says whether an error already points into r.
func complained(known hcl.Diagnostics, r hcl.Range) bool {
	for _, d := range known {
		if d.Severity == hcl.DiagError && d.Subject != nil && d.Subject.Overlaps(r) {
			return true
		}
	}
	return false
}
