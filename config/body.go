package config

import (
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/zclconf/go-cty/cty"
)

// body reads the options of one block. Its methods report what is wrong and
// return ok only for a value that can be used.
type body struct {
	*loader
	block   *hcl.Block
	content *hcl.BodyContent
}

// want is one option of a block; must makes it required.
type want struct {
	name string
	must bool
}

// open reads a block's body; whatever is not wanted is reported.
func (l *loader) open(block *hcl.Block, wants []want, blocks ...string) *body {
	schema := &hcl.BodySchema{}
	for _, w := range wants {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: w.name, Required: w.must})
	}
	for _, name := range blocks {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: name})
	}
	content, diags := block.Body.Content(schema)
	var misspelt []string
	for _, d := range diags {
		if d.Summary == "Unsupported argument" {
			misspelt = append(misspelt, d.Detail)
		}
	}
	for _, d := range diags {
		if d.Summary == "Missing required argument" {
			if meant(d.Detail, misspelt, wants) {
				continue
			}
			// The parser points at a brace; the header says more.
			d.Subject = block.DefRange.Ptr()
		}
		l.diags = append(l.diags, d)
	}
	return &body{loader: l, block: block, content: content}
}

// meant reports that an option which is missing was suggested for another.
func meant(missing string, misspelt []string, wants []want) bool {
	for _, w := range wants {
		if !strings.Contains(missing, strconv.Quote(w.name)) {
			continue
		}
		for _, detail := range misspelt {
			if strings.Contains(detail, "Did you mean "+strconv.Quote(w.name)) {
				return true
			}
		}
	}
	return false
}

// inner returns the only inner block of a type, nil when there is none.
func (b *body) inner(name string) *hcl.Block {
	blocks := b.content.Blocks.OfType(name)
	if len(blocks) == 0 {
		return nil
	}
	for _, extra := range blocks[1:] {
		b.errorAt(extra.DefRange, "Duplicate block", "Only one %s block is allowed; the first is at %s.", name, at(blocks[0].DefRange))
	}
	return blocks[0]
}

func (b *body) has(name string) bool { return b.content.Attributes[name] != nil }

// text reads an option that is one text; absent or wrong: not ok.
func (b *body) text(name string) (text, bool) { return b.textOr(name, b.valueError) }

// hidden reads a text whose line is never shown.
func (b *body) hidden(name string) (text, bool) { return b.textOr(name, b.errorAt) }

func (b *body) textOr(name string, report reporter) (text, bool) {
	attr := b.content.Attributes[name]
	if attr == nil {
		return text{}, false
	}
	v, calls, ok := b.evaluate(attr.Expr)
	if !ok {
		return text{}, false
	}
	return b.asText(attr.Expr, v, calls, report)
}

// flag reads true or false; absent: false.
func (b *body) flag(name string) bool {
	attr := b.content.Attributes[name]
	if attr == nil {
		return false
	}
	v, _, ok := b.evaluate(attr.Expr)
	if !ok {
		return false
	}
	if v.IsNull() || v.Type() != cty.Bool {
		b.valueError(attr.Expr.Range(), "Wrong type", "true or false is expected, %s was found.", friendly(v))
		return false
	}
	return v.True()
}

// texts reads a list of texts, each with its own place in the file; texts that
// are wrong are left out. Not ok: absent, or no list.
func (b *body) texts(name string) ([]text, bool) {
	attr := b.content.Attributes[name]
	if attr == nil {
		return nil, false
	}
	list, is := attr.Expr.(*hclsyntax.TupleConsExpr)
	if !is {
		if v, _, ok := b.evaluate(attr.Expr); ok {
			b.valueError(attr.Expr.Range(), "Wrong type", "A list is expected, %s was found.", friendly(v))
		}
		return nil, false
	}
	var out []text
	for _, e := range list.Exprs {
		if v, calls, ok := b.evaluate(e); ok {
			if t, ok := b.asText(e, v, calls, b.valueError); ok {
				out = append(out, t)
			}
		}
	}
	return out, true
}

// secrets reads a map of texts that may be secrets, their names in clear.
func (b *body) secrets(name string, check func(key text) bool) map[string]*secret.Bytes {
	attr := b.content.Attributes[name]
	if attr == nil {
		return nil
	}
	object, is := attr.Expr.(*hclsyntax.ObjectConsExpr)
	if !is {
		if v, _, ok := b.evaluate(attr.Expr); ok {
			b.errorAt(attr.Expr.Range(), "Wrong type", "A map is expected, %s was found.", friendly(v))
		}
		return nil
	}
	out := make(map[string]*secret.Bytes)
	for _, item := range object.Items {
		key := text{value: hcl.ExprAsKeyword(item.KeyExpr), rng: item.KeyExpr.Range()}
		if key.value == "" {
			wrapper, is := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr)
			var template *hclsyntax.TemplateExpr
			if is {
				template, is = wrapper.Wrapped.(*hclsyntax.TemplateExpr)
			}
			if !is || !template.IsStringLiteral() {
				b.errorAt(key.rng, "Wrong key", "A constant name is expected left of the equals sign.")
				continue
			}
			v, _ := template.Value(nil)
			key.value = v.AsString()
		}
		if !check(key) {
			continue
		}
		if out[key.value] != nil {
			b.errorAt(key.rng, "Duplicate key", "%s is there already.", key.value)
			continue
		}
		v, _, ok := b.evaluate(item.ValueExpr)
		if !ok {
			continue
		}
		if v.IsNull() || v.Type() != cty.String {
			b.errorAt(item.ValueExpr.Range(), "Wrong type", "A text in quotes is expected, %s was found.", friendly(v))
			continue
		}
		out[key.value] = secret.New([]byte(v.AsString()))
	}
	return out
}

// duration reads a time span such as "15s" between two bounds; absent: def.
func (b *body) duration(name string, def, least, most time.Duration) time.Duration {
	t, ok := b.text(name)
	if !ok {
		return def
	}
	d, err := time.ParseDuration(t.value)
	if err != nil || d < least || d > most {
		b.valueError(t.rng, "Wrong time span", `A time span between %s and %s is expected, such as "15s"; found %s.`, least, most, t.said())
		return def
	}
	return d
}

// oneOf reads a text that is one of a few; absent: def.
func (b *body) oneOf(name, def string, choices ...string) string {
	t, ok := b.text(name)
	if !ok || !b.among(t, choices...) {
		return def
	}
	return t.value
}

// among reports a text that is none of the choices.
func (l *loader) among(t text, choices ...string) bool {
	for _, c := range choices {
		if t.value == c {
			return true
		}
	}
	hint := ""
	if !t.calls {
		hint = didYouMean(t.value, choices...)
	}
	l.valueError(t.rng, "Unknown value", "Expected %s; found %s.%s", oneOfThese(choices), t.said(), hint)
	return false
}
