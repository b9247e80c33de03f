package pluginconf

import (
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// view is a body as it looks to the decoder. Offline, an attribute that would reach outside gives its zero value
// after its form was checked.
type view struct {
	hcl.Body
	fields *fieldSet
	path   string // of the block, "" or "session."

	// Offline only.
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
	if c == nil || v.ctx == nil {
		return c
	}
	for name, attr := range c.Attributes {
		f := v.fields.byName[name]
		if f == nil || !callsOut(attr.Expr) {
			continue
		}
		_, diags := attr.Expr.Value(v.ctx)
		v.report(diags)
		v.deferred[v.path+name] = true
		softened := *attr
		softened.Expr = hcl.StaticExpr(zero(f.typ), attr.Expr.Range())
		c.Attributes[name] = &softened
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
