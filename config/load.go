package config

import (
	"fmt"
	"os"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/milagro-dta/dta/internal/readfile"
)

// MaxFile is the largest configuration that is read, in bytes.
const MaxFile = 1 << 20

// Options are what a configuration is read with. The zero value uses the
// process's environment and the file system.
type Options struct {
	Env         func(name string) (string, bool)
	ReadFile    func(path string, limit int64) ([]byte, error) // as readfile.Regular
	FindProgram func(command string) (string, error)

	// readMain is ReadFile for the configuration itself, which may come through a
	// pipe.
	readMain func(path string, limit int64) ([]byte, error)
}

func (o Options) orDefault() Options {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	o.readMain = o.ReadFile
	if o.ReadFile == nil {
		o.ReadFile, o.readMain = readfile.Regular, readfile.Bounded
	}
	if o.FindProgram == nil {
		o.FindProgram = FindProgram
	}
	return o
}

// Load reads the file at path. The Config is never nil; it is to be used only
// when the diagnostics hold no error. They may hold warnings besides.
func Load(path string, o Options) (*Config, hcl.Diagnostics) {
	return load(path, o, true)
}

// LoadIdentity reads the file at path but evaluates only its node, store and
// plugin blocks; the rest of the Config is zero. An environment variable that
// is missing from a peer block is no error here.
func LoadIdentity(path string, o Options) (*Config, hcl.Diagnostics) {
	return load(path, o, false)
}

// loader collects what one pass finds.
type loader struct {
	Options
	config *Config
	src    []byte
	diags  hcl.Diagnostics
	read   map[string]result // what env and file returned, by call
}

type blockKind struct {
	labels   []string
	identity bool // evaluated by LoadIdentity as well
	most     int  // how many there may be; 0: any number
	decode   func(*loader, *hcl.Block)
}

var blockKinds = map[string]blockKind{
	"node":      {nil, true, 1, (*loader).node},
	"store":     {[]string{"kind"}, true, 1, (*loader).store},
	"plugin":    {[]string{"type", "name"}, true, 0, (*loader).plugin},
	"listener":  {[]string{"name"}, false, 0, (*loader).listener},
	"ipfs":      {[]string{"kind"}, false, 1, (*loader).ipfs},
	"fiduciary": {nil, false, 1, (*loader).fiduciary},
	"peer":      {[]string{"name"}, false, 0, (*loader).peer},
	"log":       {nil, false, 1, (*loader).log},
}

// Blocks are decoded in this order: names must be known before they are used.
var blockOrder = []string{"plugin", "node", "store", "listener", "ipfs", "peer", "fiduciary", "log"}

func load(path string, o Options, all bool) (*Config, hcl.Diagnostics) {
	l := &loader{
		Options: o.orDefault(),
		config: &Config{
			Path:  path,
			Files: make(map[string]*hcl.File),
			IPFS:  IPFS{Kind: KindEmbedded},
			Log:   Log{Level: "info", Format: "text"},
		},
		read: make(map[string]result),
	}
	l.load(path, all)
	for _, d := range l.diags {
		// Both lead to values; nothing that prints a diagnostic may reach them.
		d.Expression, d.EvalContext = nil, nil
	}
	inOrder(l.diags)
	return l.config, l.diags
}

func (l *loader) load(path string, all bool) {
	src, err := l.readMain(path, MaxFile)
	if err != nil {
		l.diags = append(l.diags, &hcl.Diagnostic{
			Severity: hcl.DiagError,
			Summary:  "Configuration not readable",
			Detail:   fmt.Sprintf("The file could not be read: %v.", err),
		})
		return
	}
	l.src = src
	file, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	l.config.Files[path] = file
	l.diags = append(l.diags, syntax(diags)...)
	if slices.ContainsFunc(diags, cutsBody) {
		// What follows a syntax error is not what the operator meant.
		return
	}

	schema := &hcl.BodySchema{}
	for _, name := range blockOrder {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: name, LabelNames: blockKinds[name].labels})
	}
	content, diags := file.Body.Content(schema)
	l.diags = append(l.diags, diags...)
	byType := content.Blocks.ByType()
	for _, name := range blockOrder {
		kind := blockKinds[name]
		if !all && !kind.identity {
			continue
		}
		for i, block := range byType[name] {
			if kind.most > 0 && i >= kind.most {
				l.errorAt(block.DefRange, "Duplicate block",
					"Only one %s block is allowed; the first is at %s.", name, at(byType[name][0].DefRange))
				continue
			}
			kind.decode(l, block)
		}
	}
	// A misspelt block type has been reported; that it is missing as well is no news.
	if !diags.HasErrors() {
		end := file.Body.(*hclsyntax.Body).EndRange
		if len(byType["node"]) == 0 {
			l.errorAt(end, "Missing node block", "A configuration has one node block, which names the node and its data directory.")
		}
		if all && len(byType["listener"]) == 0 {
			l.errorAt(end, "Missing listener block", "A node serves at least one listener; without any it cannot be reached.")
		}
	}
	if all {
		l.check()
	}
}

// cutsBody reports a diagnostic of the parser after which the body is not whole.
func cutsBody(d *hcl.Diagnostic) bool {
	return d.Severity == hcl.DiagError && d.Summary != "Attribute redefined"
}

// syntax returns the parser's diagnostics up to the first missing quote: from
// there on it takes text for options and options for text.
func syntax(diags hcl.Diagnostics) hcl.Diagnostics {
	for i, d := range diags {
		d.Extra = brokenSyntax{}
		if d.Summary == "Invalid multi-line string" {
			d.Summary = "Missing quote"
			d.Detail = "A text that begins on this line has no closing quote."
			return diags[:i+1]
		}
	}
	return diags
}
