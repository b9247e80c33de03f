package pluginconf

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxFile bounds what file() reads, in bytes.
const maxFile = 64 << 10

// functions are those of a config block. Their errors name neither argument nor result: the operator's own line is
// shown beside them unless it is sensitive, and then neither may be.
var functions = map[string]function.Function{
	"file": stringFunction(readFile),
	"env":  stringFunction(readEnv),
}

// offlineFunctions have the same form and touch nothing.
var offlineFunctions = map[string]function.Function{
	"file": stringFunction(nil),
	"env":  stringFunction(nil),
}

func stringFunction(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if f == nil {
				return cty.UnknownVal(cty.String), nil
			}
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			return cty.StringVal(s), nil
		},
	})
}

// readFile gives a file's text, at most 64 KiB of UTF-8, without its last line's end: what an editor appends to a
// PIN is no part of it. A relative path starts at the plugin's working directory.
func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", reason(err)
	case len(b) > maxFile:
		return "", errors.New("the file has more than 64 KiB")
	case !utf8.Valid(b):
		return "", errors.New("the file is not UTF-8 text")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

func readEnv(name string) (string, error) {
	v, ok := os.LookupEnv(name)
	if !ok {
		return "", errors.New("the plugin's environment has no such variable")
	}
	return v, nil
}

// reason gives the cause of an error without the path.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return errors.New("cannot read the file")
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
