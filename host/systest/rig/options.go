//go:build linux

package rig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Options say how a node differs from the plainest one: a single softhsm-demo
// instance "vault", which keeps the node's own identity too.
type Options struct {
	Name      string   // of the node; "node" when empty
	Instances []string // softhsm-demo instances, of which the first is the seal; {"vault"} when empty
	Pinned    bool     // the plugins' programs by their SHA-256
	Log       string   // level; "info" when empty
	Extra     string   // further HCL at the top level
	Plugin    string   // further HCL in every plugin block
	Env       []string // further environment of the program, NAME=value
	Files     int      // how many files the program may open; 0: as many as the test
	// Front says under which URL the others of a company reach a node; nil: its own.
	Front func(name, url string) string
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "node"
	}
	if len(o.Instances) == 0 {
		o.Instances = []string{"vault"}
	}
	if o.Log == "" {
		o.Log = "info"
	}
	return o
}

// known is another node as a configuration names it.
type known struct {
	alias, url, identity string
	custody              []string
}

// roles is what depends on the company that a node is in.
type roles struct {
	principals []string // whose secrets it keeps; nil: it is no fiduciary
	peers      []known
	byHand     bool // custody identities are made by `dta plugin enrol`, not at the first start
}

// config is the text of a node's configuration. Relative paths in it are
// relative to the node's directory, in which the programs run.
func (o Options) config(address, plugin string, r roles) string {
	var b strings.Builder
	fmt.Fprintf(&b, "node {\n  name     = %q\n  data_dir = \"./data\"\n  seal     = %q\n}\n", o.Name, o.Instances[0])
	fmt.Fprintf(&b, "listener \"local\" {\n  address = %q\n  serves  = [\"principals\", \"nodes\"]\n}\n", address)
	for _, name := range o.Instances {
		fmt.Fprintf(&b, "plugin \"softhsm-demo\" %q {\n  command    = %q\n  self_enrol = %t\n", name, plugin, !r.byHand)
		if o.Pinned {
			fmt.Fprintf(&b, "  sha256     = %q\n", digest(plugin))
		}
		fmt.Fprintf(&b, "  %s\n  config {\n    directory = \"./token-%s\"\n  }\n}\n", o.Plugin, name)
	}
	if r.principals != nil {
		fmt.Fprintf(&b, "fiduciary {\n  custody    = %s\n  principals = %s\n}\n", list(o.Instances), list(r.principals))
	}
	for _, p := range r.peers {
		fmt.Fprintf(&b, "peer %q {\n  identity = %q\n  url      = %q\n", p.alias, p.identity, p.url)
		if p.custody != nil {
			fmt.Fprintf(&b, "  custody  = %s\n", list(p.custody))
		}
		fmt.Fprintf(&b, "}\n")
	}
	fmt.Fprintf(&b, "log {\n  level = %q\n}\n%s\n", o.Log, o.Extra)
	return b.String()
}

func list(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// digest is the SHA-256 of a file in hex; of one that cannot be read, which
// [Program] has excluded, it is "".
func digest(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Program finds one of the built programs, as an absolute path.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	bin := os.Getenv("DTA_BIN")
	if bin == "" {
		dir, err := root()
		if err != nil {
			tb.Fatal(err)
		}
		bin = filepath.Join(dir, "bin")
	}
	path, err := filepath.Abs(filepath.Join(bin, name))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("%v: build the programs with make build", err)
	}
	return path
}

// root is the directory of the module, above the working directory of a test.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
	}
	return "", fmt.Errorf("expected a go.mod in %s or above it", dir)
}
