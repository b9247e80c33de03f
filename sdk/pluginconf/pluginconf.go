// Package pluginconf decodes the operator's config { … } block inside the plugin, so that a mistake is reported at
// the operator's own file and line although the plugin found it.
//
// A plugin's author declares a struct with hcl tags, as for package gohcl, and marks what is secret:
//
//	type Config struct {
//		Module string            `hcl:"module"`
//		PIN    pluginconf.Secret `hcl:"pin"`
//		Note   string            `hcl:"note,optional" dta:"sensitive"`
//	}
//
// Everything wrong is reported in one pass: unknown names (with "Did you mean"), missing ones, wrong types, and what
// the author's own check finds. The functions file("…") and env("…") are evaluated here, in the plugin, so that a
// PIN's value never passes through the host.
//
// What it promises about secrets: the value of a sensitive attribute is in no diagnostic, and a diagnostic whose
// source lines show one is marked, so that the host prints it without those lines. An attribute with an unknown name
// is taken for a misspelt secret unless it clearly is another one's. What file("…") and env("…") name is no value: a
// file or variable that is not there is named.
package pluginconf

import (
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/milagro-dta/dta/sdk/contract"
)

// Block is the text between the braces, and where it stands.
type Block struct {
	Filename string
	Source   []byte
	Start    hcl.Pos // of the first byte of Source within the file
}

// FromWire takes a block as it came from the host.
func FromWire(w *contract.ConfigBlock) Block {
	b := Block{Filename: w.GetFilename(), Source: w.GetSource(), Start: contract.ToPos(w.GetStart())}
	if w.GetStart() == nil {
		b.Start = hcl.InitialPos
	}
	return b
}

// Problem is what an author's own check found. Its text must not contain a secret; should it contain the value of a
// sensitive attribute all the same, the value is blotted out.
type Problem struct {
	// Attribute is where to point: "pin", or "session.max" for one in a nested block, always the first of that name.
	// Empty: the block as a whole.
	Attribute string
	Summary   string // e.g. "Token label too long"
	Detail    string // e.g. "A label has at most 32 bytes; this one has 40."
	Warning   bool   // the plugin works all the same
}

// Result is what decoding a block gave.
type Result struct {
	Diagnostics hcl.Diagnostics
	secrets     []string
}

// HasErrors says that the decoded configuration must not be used.
func (r *Result) HasErrors() bool { return r.Diagnostics.HasErrors() }

// Decode evaluates the block into the struct that into points to. check, which may be nil, is the author's own; it
// runs also when something is wrong, and what it says of attributes already complained about is dropped.
func Decode(b Block, into any, check func() []Problem) *Result {
	return decode(b, into, check, false)
}

// Validate is Decode without any effect: file() and env() look whether what they name is there, and read nothing.
// Attributes that use them get a zero value, and what check says of those is dropped.
func Validate(b Block, into any, check func() []Problem) *Result {
	return decode(b, into, check, true)
}

func decode(b Block, into any, check func() []Problem, offline bool) *Result {
	r := &Result{}
	if len(b.Source) > contract.MaxConfig {
		r.Diagnostics = hcl.Diagnostics{{
			Severity: hcl.DiagError,
			Summary:  "Configuration too large",
			Detail:   "The config block of a plugin has at most 256 KiB.",
			Subject:  &hcl.Range{Filename: b.Filename, Start: b.Start, End: b.Start},
		}}
		return r
	}
	fields := fieldsOf(reflect.TypeOf(into))

	file, diags := hclsyntax.ParseConfig(b.Source, b.Filename, b.Start)
	body, ok := file.Body.(*hclsyntax.Body)
	if diags.HasErrors() || !ok {
		// What a broken text means is not known, so any line may hold the secret.
		r.Diagnostics = hide(diags, len(fields.secrets()) > 0)
		return r
	}

	ctx := &hcl.EvalContext{Functions: functions}
	if offline {
		ctx.Functions = offlineFunctions
	}
	view := &view{Body: body, fields: fields, ctx: ctx, deferred: map[string]bool{}}
	diags = append(diags, gohcl.DecodeBody(view, ctx, into)...)
	diags = append(diags, view.diags...)
	r.secrets = secretsIn(reflect.ValueOf(into), false)

	spots := sensitiveSpots(body, fields)
	diags = spots.protect(diags, fields.names())
	if check != nil {
		diags = append(diags, spots.protect(r.place(check(), body, fields, diags, view.deferred), nil)...)
	}
	r.Diagnostics = diags
	return r
}

// hide marks every diagnostic and takes quoted source text out of it.
func hide(diags hcl.Diagnostics, really bool) hcl.Diagnostics {
	if !really {
		return diags
	}
	for _, d := range diags {
		d.Detail = blotQuoted(d.Detail, nil)
		d.Extra = contract.Sensitive{}
	}
	return diags
}
