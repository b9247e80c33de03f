package pluginconf

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/milagro-dta/dta/internal/readfile"
)

// maxFile bounds what file() reads, in bytes.
const maxFile = 64 << 10

// functions are those of a config block: they give what a file or a variable holds.
var functions = map[string]function.Function{
	"file": stringFunction(readFile, true),
	"env":  stringFunction(readEnv, true),
}

// offlineFunctions look whether the file or the variable is there, and give nothing of it.
var offlineFunctions = map[string]function.Function{
	"file": stringFunction(func(path string) (string, error) { return "", findFile(path) }, false),
	"env":  stringFunction(readEnv, false),
}

// stringFunction makes a function of one text; its result is unknown where it is not given.
func stringFunction(f func(string) (string, error), give bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil || !give {
				return cty.UnknownVal(cty.String), err
			}
			return cty.StringVal(s), nil
		},
	})
}

// readFile gives a file's text, at most 64 KiB of UTF-8, without its last line's end: what an editor appends to a
// PIN is no part of it. A relative path starts at the plugin's working directory.
func readFile(path string) (string, error) {
	b, err := readfile.Regular(path, maxFile)
	switch {
	case err != nil:
		return "", unreadable(path, reason(err))
	case !utf8.Valid(b):
		return "", unreadable(path, "it is not UTF-8 text")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// findFile says why a file could not be read, without reading it.
func findFile(path string) error {
	if err := readfile.Check(path, maxFile); err != nil {
		return unreadable(path, reason(err))
	}
	return nil
}

func readEnv(name string) (string, error) {
	v, ok := os.LookupEnv(name)
	if !ok {
		return "", unset(name)
	}
	return v, nil
}

// reason gives the cause of an error without the path.
func reason(err error) string {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return "it cannot be read"
}

// callsOut says whether an expression calls a function that reaches outside the configuration.
func callsOut(expr hcl.Expression) bool {
	node, ok := expr.(hclsyntax.Expression)
	if !ok {
		return false
	}
	found := false
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if _, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			found = true
		}
		return nil
	})
	return found
}
