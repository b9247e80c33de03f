package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// starting are the files whose every error can keep a node from starting; the
// page explains each of their texts.
var starting = []string{
	"host/datadir/datadir.go", "host/datadir/medium.go", "host/state/file.go", "host/state/loss.go", "host/state/state.go", "host/state/watch.go", "host/store/open.go", "host/identity.go",
	"host/audit/watcher.go", "host/audit/verify.go", "host/custody/tenure.go", "host/custody/watch.go", "host/waiting.go",
	"host/supervisor/binary.go", "host/supervisor/rundir.go", "host/supervisor/binary_linux.go", "internal/ownership/ownership.go",
	"plugins/pkcs11/tenure.go", "plugins/pkcs11/realm.go", "plugins/pkcs11/root.go",
	"cmd/dta/authn/ledger/directory.go", "cmd/dta/authn/ledger/create.go", "cmd/dta/authn/ledger/loss.go",
	"cmd/dta/authn/ledger/state.go",
}

// TestEveryRefusalIsExplained holds the section "When it will not start" to the
// code: a text in it is one of the code's, and every text of the code that can
// keep a node from starting is in it.
func TestEveryRefusalIsExplained(t *testing.T) {
	explained := refusals(t)
	written := texts(t, "../host", "../cmd", "../internal", "../sdk", "../plugins", "../config", "../protocol")
	for _, text := range explained {
		if len(written[text]) == 0 {
			t.Errorf("operator.md explains a text that the code does not have: %s", text)
		}
	}
	for text, files := range written {
		said := strings.Fields(strings.ReplaceAll(text, "…", " "))
		if len(said) < 4 || strings.HasSuffix(text, ": …") || strings.HasPrefix(text, ",") || strings.HasPrefix(text, ";") || slices.Contains(explained, text) {
			continue // what is only wrapped, or part of a text, is explained with the rest
		}
		for _, file := range files {
			if slices.Contains(starting, file) {
				t.Errorf("operator.md, When it will not start: expected a row for this text of %s:\n%s", file, text)
			}
		}
	}
	if len(explained) < 20 {
		t.Errorf("expected 20 texts or more; found %d", len(explained))
	}
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// refusals lists the texts that the page explains.
func refusals(t *testing.T) (out []string) {
	page, err := os.ReadFile("operator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## When it will not start\n")
	if !found {
		t.Fatal("operator.md: expected a section When it will not start")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		out = append(out, strings.ReplaceAll(m[1], `\|`, "|"))
	}
	return out
}

// verb is what a format replaces.
var verb = regexp.MustCompile(`%[-+# 0-9.\[\]]*[a-zA-Z]`)

// raises are the functions that make an error of a format.
var raises = []string{"New", "Errorf", "Sprintf", "lost", "refuse"}

// texts finds the formats of errors below some directories, with "…" for what they
// replace, and the files that have them.
func texts(t *testing.T, dirs ...string) map[string][]string {
	found := map[string][]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !slices.Contains(raises, called(call)) {
					return true
				}
				for _, arg := range call.Args {
					if text, ok := constant(arg); ok {
						text = verb.ReplaceAllString(text, "…")
						found[text] = append(found[text], strings.TrimPrefix(filepath.ToSlash(path), "../"))
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// called is the name of the function that is called.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

// constant is the value of a string literal, or of several that are added.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := constant(e.X)
		right, also := constant(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	}
	return "", false
}
