package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxText is the longest text that env or file may stand for, in bytes.
const maxText = 64 << 10

// result is what a call of env or file came to.
type result struct {
	text    string
	problem string // empty: none
}

// constant walks an expression before it is evaluated and reports whatever is
// more than constants, lists, maps and calls of env and file with constant
// arguments. It returns whether the expression may be evaluated, and whether it
// has calls: what they return is never shown.
func (l *loader) constant(e hclsyntax.Expression) (ok, calls bool) {
	ok = true
	inside := func(parts ...hclsyntax.Expression) {
		for _, p := range parts {
			o, c := l.constant(p)
			ok, calls = ok && o, calls || c
		}
	}
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
	case *hclsyntax.TemplateExpr:
		inside(e.Parts...)
	case *hclsyntax.TemplateWrapExpr:
		inside(e.Wrapped)
	case *hclsyntax.ParenthesesExpr:
		inside(e.Expression)
	case *hclsyntax.TupleConsExpr:
		inside(e.Exprs...)
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if key, is := item.KeyExpr.(*hclsyntax.ObjectConsKeyExpr); is && hcl.ExprAsKeyword(key.Wrapped) == "" {
				inside(key.Wrapped)
			}
			inside(item.ValueExpr)
		}
	case *hclsyntax.FunctionCallExpr:
		return l.call(e), true
	case *hclsyntax.ScopeTraversalExpr:
		l.errorAt(e.Range(), "Not a value", "There are no variables here; text is written in quotes.")
		return false, false
	default:
		l.errorAt(e.Range(), "Not a value", "Only constants, lists, maps and the functions env and file may be written here.")
		return false, false
	}
	return ok, calls
}

// call reports what is wrong with a call, the missing variable and the
// unreadable file included.
func (l *loader) call(e *hclsyntax.FunctionCallExpr) bool {
	if e.Name != "env" && e.Name != "file" {
		l.errorAt(e.NameRange, "Unknown function", "There is no function %q; there are env and file.%s", e.Name, didYouMean(e.Name, "env", "file"))
		return false
	}
	var argument string
	literal := len(e.Args) == 1 && !e.ExpandFinal
	if literal {
		// A constant only: what one call returns must not appear in another's error.
		template, is := e.Args[0].(*hclsyntax.TemplateExpr)
		literal = is && template.IsStringLiteral()
		if literal {
			v, _ := template.Value(nil)
			argument = v.AsString()
		}
	}
	if !literal {
		l.errorAt(e.Range(), "Wrong argument", "The function %s takes one constant text: %s(\"…\").", e.Name, e.Name)
		return false
	}
	if r := l.returned(e.Name, argument); r.problem != "" {
		summary := "Environment variable not set"
		if e.Name == "file" {
			summary = "File not readable"
		}
		l.errorAt(e.Range(), summary, "%s", r.problem)
		return false
	}
	return true
}

// returned calls env or file, once for each argument.
func (l *loader) returned(name, argument string) result {
	key := name + "\x00" + argument
	if r, ok := l.read[key]; ok {
		return r
	}
	var r result
	if name == "env" {
		text, ok := l.Env(argument)
		switch {
		case !ok:
			r.problem = fmt.Sprintf("The environment variable %s is not set.", argument)
		case len(text) > maxText || !utf8.ValidString(text):
			r.problem = fmt.Sprintf("The environment variable %s: expected UTF-8 text of at most %d bytes.", argument, maxText)
		default:
			r.text = text
		}
	} else {
		text, err := l.ReadFile(argument, maxText)
		switch {
		case err != nil:
			r.problem = fmt.Sprintf("The file could not be read: %v.", err)
		case !utf8.Valid(text):
			r.problem = fmt.Sprintf("The file %s: expected UTF-8 text.", argument)
		default:
			r.text = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
		}
	}
	l.read[key] = r
	return r
}

// evaluate returns an expression's value, or reports why there is none.
func (l *loader) evaluate(e hcl.Expression) (v cty.Value, calls, ok bool) {
	syntax, is := e.(hclsyntax.Expression)
	if !is {
		return cty.NilVal, false, false
	}
	ok, calls = l.constant(syntax)
	if !ok {
		return cty.NilVal, calls, false
	}
	functions := make(map[string]function.Function)
	for _, name := range []string{"env", "file"} {
		functions[name] = function.New(&function.Spec{
			Params: []function.Parameter{{Name: "argument", Type: cty.String}},
			Type:   function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return cty.StringVal(l.returned(name, args[0].AsString()).text), nil
			},
		})
	}
	v, diags := e.Value(&hcl.EvalContext{Functions: functions})
	if diags.HasErrors() || !v.IsWhollyKnown() {
		l.errorAt(e.Range(), "Not a value", "This expression has no value.")
		return cty.NilVal, calls, false
	}
	return v, calls, true
}

// text is one text of the operator's file.
type text struct {
	value string
	rng   hcl.Range
	shown string // as a diagnostic may repeat it: quoted, or the call it came from
	calls bool
}

// reporter is errorAt or valueError.
type reporter func(at hcl.Range, summary, format string, a ...any)

// said is the text in the middle of a sentence.
func (t text) said() string {
	if t.calls {
		return "the value of " + t.shown
	}
	return t.shown
}

// capital is what was said at a sentence's beginning.
func capital(s string) string {
	if len(s) > 3 && s[:4] == "the " {
		return "T" + s[1:]
	}
	return s
}

// asText takes a value that must be text; report says whether its line is shown.
func (l *loader) asText(e hcl.Expression, v cty.Value, calls bool, report reporter) (text, bool) {
	if v.IsNull() || v.Type() != cty.String {
		report(e.Range(), "Wrong type", "A text in quotes is expected, %s was found.", friendly(v))
		return text{}, false
	}
	t := text{value: v.AsString(), rng: e.Range(), calls: calls}
	t.shown = quote(t.value)
	if calls {
		t.shown = oneLine(string(e.Range().SliceBytes(l.src)))
	}
	if t.value == "" {
		if calls {
			report(t.rng, "Empty value", "The value of %s is empty.", t.shown)
		} else {
			report(t.rng, "Empty value", "A text is expected that is not empty.")
		}
		return text{}, false
	}
	if strings.ContainsRune(t.value, 0) {
		report(t.rng, "Wrong value", "The text holds a zero byte.")
		return text{}, false
	}
	return t, true
}

func friendly(v cty.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case v.Type().IsTupleType(), v.Type().IsListType():
		return "a list"
	case v.Type().IsObjectType(), v.Type().IsMapType():
		return "a map"
	case v.Type() == cty.Bool:
		return "true or false"
	case v.Type() == cty.Number:
		return "a number"
	}
	return "a text"
}

func quote(s string) string {
	const most = 80
	if len(s) > most {
		for cut := most; ; cut-- {
			if utf8.RuneStart(s[cut]) {
				return strconv.Quote(s[:cut]) + "…"
			}
		}
	}
	return strconv.Quote(s)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
