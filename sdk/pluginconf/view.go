package pluginconf

import (
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// view is a body as it looks to the decoder: an attribute that calls a function has its value already. It is the zero
// value where there is none: offline, and after a call that failed, which is reported once and as what it is.
type view struct {
	hcl.Body
	fields *fieldSet
	path   string // of the block, "" or "session."

	ctx      *hcl.EvalContext
	deferred map[string]bool // paths of the attributes that got a zero value
	diags    hcl.Diagnostics
	parent   *view
}

func (v *view) Content(s *hcl.BodySchema) (*hcl.BodyContent, hcl.Diagnostics) {
	c, diags := v.Body.Content(s)
	return v.soften(c), diags
}

func (v *view) PartialContent(s *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	c, rest, diags := v.Body.PartialContent(s)
	return v.soften(c), rest, diags
}

func (v *view) soften(c *hcl.BodyContent) *hcl.BodyContent {
	if c == nil {
		return c
	}
	for option, attr := range c.Attributes {
		f := v.fields.byName[option]
		if f == nil || !callsOut(attr.Expr) {
			continue
		}
		value, diags := attr.Expr.Value(v.ctx)
		v.report(explain(diags))
		if diags.HasErrors() || !value.IsWhollyKnown() {
			v.deferred[v.path+option] = true
			value = zero(f.typ)
		}
		softened := *attr
		softened.Expr = hcl.StaticExpr(value, attr.Expr.Range())
		c.Attributes[option] = &softened
	}
	for _, b := range c.Blocks {
		if f := v.fields.byName[b.Type]; f != nil && f.block != nil {
			b.Body = &view{Body: b.Body, fields: f.block, path: v.path + b.Type + ".", ctx: v.ctx, deferred: v.deferred, parent: v}
		}
	}
	return c
}

func (v *view) report(diags hcl.Diagnostics) {
	for v.parent != nil {
		v = v.parent
	}
	v.diags = append(v.diags, diags...)
}

// zero gives a value that decodes into a field of type t.
func zero(t reflect.Type) cty.Value {
	ty, err := gocty.ImpliedType(reflect.New(t).Elem().Interface())
	if err != nil {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return cty.NullVal(ty)
	case ty == cty.String:
		return cty.StringVal("")
	case ty == cty.Number:
		return cty.Zero
	case ty == cty.Bool:
		return cty.False
	case ty.IsListType():
		return cty.ListValEmpty(ty.ElementType())
	case ty.IsSetType():
		return cty.SetValEmpty(ty.ElementType())
	case ty.IsMapType():
		return cty.MapValEmpty(ty.ElementType())
	}
	return cty.NullVal(ty)
}
