package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/milagro-dta/dta/config"
)

func TestExamplesLoadWithoutDiagnostics(t *testing.T) {
	paths, err := filepath.Glob("../examples/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := filepath.Glob("../examples/*/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	paths = append(paths, nodes...)
	if len(paths) != 9 {
		t.Fatalf("expected 9 examples, found %v", paths)
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			c, diags := config.Load(path, fromDisk())
			if len(diags) > 0 {
				var text bytes.Buffer
				config.Write(&text, c.Files, diags)
				t.Fatalf("expected no diagnostics:\n%s", &text)
			}
			for _, p := range c.Plugins {
				if len(bytes.TrimSpace(p.Config.Source)) == 0 {
					t.Errorf("plugin %q: expected a config block", p.Name)
				}
			}
		})
	}
}

func TestOneNodePlaysAllThreeRolesOnLoopback(t *testing.T) {
	c, _ := config.Load("../examples/one-node.hcl", fromDisk())
	if got := c.Listeners[0].Address; got != "127.0.0.1:5556" {
		t.Errorf("address: found %s", got)
	}
	if !c.Listeners[0].For(config.Nodes) || !c.Listeners[0].For(config.Principals) {
		t.Error("expected nodes and principals to be served")
	}
	if c.Node.DataDir != "./dta-data" || c.IPFS.Kind != config.KindEmbedded {
		t.Errorf("found %+v %+v", c.Node, c.IPFS)
	}
	seal, ok := c.Plugin(c.Node.Seal)
	if !ok || seal.Type != "softhsm-demo" || !seal.SelfEnrol {
		t.Errorf("seal: found %+v", seal)
	}
	if c.Fiduciary == nil || !c.Fiduciary.Self || !cmp.Equal(c.Fiduciary.Custody, []string{"vault"}) {
		t.Errorf("fiduciary: found %+v", c.Fiduciary)
	}
}

func TestThreeNodesKnowOneAnother(t *testing.T) {
	names := map[string]string{"principal": cidA, "fiduciary": cidB, "beneficiary": cidC}
	ports := map[string]string{"principal": "5601", "fiduciary": "5602", "beneficiary": "5603"}
	for role := range names {
		c, _ := config.Load("../examples/three-nodes/"+role+".hcl", fromDisk())
		if got := c.Listeners[0].Address; got != "127.0.0.1:"+ports[role] {
			t.Errorf("%s: address: found %s", role, got)
		}
		for peer, name := range names {
			p, ok := c.Peer(peer)
			if peer == role {
				if ok {
					t.Errorf("%s: expected no peer of its own name", role)
				}
				continue
			}
			if !ok || p.Identity.String() != name || p.URL.String() != "http://127.0.0.1:"+ports[peer] {
				t.Errorf("%s: peer %s: found %+v", role, peer, p)
			}
			if peer == "fiduciary" && (len(p.Custody) != 1 || p.Custody[0].String() != cidD) {
				t.Errorf("%s: expected the fiduciary's custody identity, found %v", role, p.Custody)
			}
		}
		if role == "fiduciary" && (len(c.Fiduciary.Principals) != 1 || c.Fiduciary.Principals[0].String() != cidA || c.Fiduciary.Self) {
			t.Errorf("fiduciary: expected to serve the principal alone, found %+v", c.Fiduciary)
		}
	}
}

// TestReferenceNamesEveryOption compares the reference with the options that
// the decoders ask for.
func TestReferenceNamesEveryOption(t *testing.T) {
	reference, err := os.ReadFile("../examples/reference.hcl")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	option := regexp.MustCompile(`\{"([a-z0-9_]+)", (?:true|false)\}`)
	found := 0
	for _, path := range sources {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range option.FindAllSubmatch(src, -1) {
			found++
			if string(m[1]) == "url" {
				continue // also of the store for a later version
			}
			if !regexp.MustCompile(`(?m)^\s*` + string(m[1]) + `\s*=`).Match(reference) {
				t.Errorf("examples/reference.hcl has no %s", m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("expected at least 20 options in the sources, found %d", found)
	}
}

func TestBlocksThatAreAbsentHaveDefaults(t *testing.T) {
	c := load(t, rest)
	if c.IPFS.Kind != config.KindEmbedded {
		t.Errorf("expected embedded defaults, found %+v", c.IPFS)
	}
	if diff := cmp.Diff(config.Log{Level: "info", Format: "text"}, c.Log); diff != "" {
		t.Error(diff)
	}
	if c.Plugins[0].Timeout != 15*time.Second || c.Plugins[0].SHA256 != nil || c.Plugins[0].SelfEnrol {
		t.Errorf("plugin: found %+v", c.Plugins[0])
	}
	if c.Fiduciary != nil || len(c.Peers) != 0 {
		t.Errorf("expected neither fiduciary nor peers, found %+v %+v", c.Fiduciary, c.Peers)
	}
}

func TestValuesComeFromEnvironmentAndFiles(t *testing.T) {
	c := load(t, strings.Replace(rest, `command = "dta-plugin-pkcs11"`, `
  command = "dta-plugin-pkcs11"
  args    = ["-v", "${env("NODE_NAME")}/x"]
  env     = {
    TOKEN = file("secret")
    EMPTY = env("EMPTY")
  }
  sha256 = "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  start_timeout = "1m"
`, 1))
	p := c.Plugins[0]
	if p.Command != "/opt/dta/bin/dta-plugin-pkcs11" || p.Timeout != time.Minute || len(p.SHA256) != 32 {
		t.Errorf("found %+v", p)
	}
	if diff := cmp.Diff([]string{"-v", "acme/x"}, p.Args); diff != "" {
		t.Error(diff)
	}
	if got := string(p.Env["TOKEN"].Open()); got != canary {
		t.Errorf("TOKEN: found %q", got)
	}
	if p.Env["EMPTY"].Len() != 0 {
		t.Error("EMPTY: expected an empty text")
	}
	c.Clear()
	if p.Env["TOKEN"].Len() != 0 {
		t.Error("expected the secrets to be cleared")
	}
}

func TestAPluginsBlockTravelsAsSourceAndPosition(t *testing.T) {
	src := strings.Replace(rest, `command = "dta-plugin-pkcs11"`, `command = "dta-plugin-pkcs11"
	config { # näher
    pin   = file("no-such-file")
    slott = env("NOT_SET")
  }`, 1)
	block := load(t, src).Plugins[0].Config
	want := config.Block{
		Filename: "node.hcl", StartLine: 4, StartColumn: 10, StartByte: strings.Index(src, " # näher"),
		Source: []byte(" # näher\n    pin   = file(\"no-such-file\")\n    slott = env(\"NOT_SET\")\n  "),
	}
	if diff := cmp.Diff(want, block); diff != "" {
		t.Error(diff)
	}
	// What the plugin does with it leads back to the operator's line.
	file, diags := hclsyntax.ParseConfig(block.Source, block.Filename,
		hcl.Pos{Line: block.StartLine, Column: block.StartColumn, Byte: block.StartByte})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	attr := file.Body.(*hclsyntax.Body).Attributes["slott"]
	if got := string(attr.NameRange.SliceBytes([]byte(src))); got != "slott" || attr.NameRange.Start.Line != 6 {
		t.Errorf("expected slott on line 6, found %q on line %d", got, attr.NameRange.Start.Line)
	}
}

func TestLoadIdentityLooksAtNodeStoreAndPluginsOnly(t *testing.T) {
	o := fromDisk()
	o.Env = func(string) (string, bool) { return "", false }
	const path = "../examples/three-nodes/fiduciary.hcl"
	if _, diags := config.Load(path, o); !diags.HasErrors() {
		t.Error("Load: expected the missing variables to be reported")
	}
	c, diags := config.LoadIdentity(path, o)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if c.Node.Seal != "vault" || len(c.Plugins) != 1 || len(c.Peers) != 0 || c.Fiduciary != nil {
		t.Errorf("found %+v", c)
	}
	_, diags = config.LoadIdentity("node.hcl", options(strings.Replace(rest, `"vault"`, `"vualt"`, 1)))
	if !diags.HasErrors() {
		t.Error("expected the unknown seal to be reported")
	}
}

func TestAFileThatCannotBeReadIsADiagnostic(t *testing.T) {
	for name, path := range map[string]string{"missing": "no/such.hcl"} {
		c, diags := config.Load(path, options(""))
		var text bytes.Buffer
		config.Write(&text, c.Files, diags)
		want := "Error: Configuration not readable\n  The file could not be read: open no/such.hcl: no such file or directory.\n"
		if diff := cmp.Diff(want, text.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	c, diags := config.Load("node.hcl", options(strings.Repeat("#", config.MaxFile+1)))
	var text bytes.Buffer
	config.Write(&text, c.Files, diags)
	if !strings.Contains(text.String(), "it has more than 1024 KiB") {
		t.Errorf("too large: found %s", &text)
	}
}

// What a configuration names is read within a bound, and waited for never; the
// configuration itself may come through a pipe, from a program that decrypts it.
func TestAFileOfAnotherKindIsRefusedUnlessItIsTheConfiguration(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, bytes.Repeat([]byte("x"), 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]string{
		"log {\n level = file(\"/dev/null\")\n}":                                                               "read /dev/null: it is not a regular file",
		"log {\n level = file(\"" + large + "\")\n}":                                                           "it has more than 64 KiB",
		"peer \"north\" {\n identity = \"" + cidA + "\"\n url = \"https://x\"\n tls_ca = \"/dev/null\"\n}":     "read /dev/null: it is not a regular file",
		"peer \"north\" {\n identity = \"" + cidA + "\"\n url = \"https://x\"\n tls_ca = \"" + large + "\"\n}": "it has more than 1024 KiB",
		"": "",
	} {
		pipe := filepath.Join(t.TempDir(), "node.hcl")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		wrote := make(chan error)
		go func() { wrote <- os.WriteFile(pipe, []byte(src+rest), 0) }()
		c, diags := config.Load(pipe, config.Options{FindProgram: options("").FindProgram})
		var text bytes.Buffer
		config.Write(&text, c.Files, diags)
		if err := <-wrote; err != nil || len(diags) > 1 || want == "" && len(diags) > 0 || !strings.Contains(text.String(), want) {
			t.Errorf("expected %q; found %s, %v", want, &text, err)
		}
	}
}

func TestDiagnosticsAsJSON(t *testing.T) {
	c, diags := config.Load("node.hcl", options("log {\n  level = \"inf\"\n  from = \"x\"\n}\n"+rest))
	var text bytes.Buffer
	if err := config.WriteJSON(&text, c.Files, diags); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Valid       bool            `json:"valid"`
		Diagnostics []config.Report `json:"diagnostics"`
	}
	if err := json.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []config.Report{{
		Severity: "error", Summary: "Unknown value",
		Detail: `Expected "trace", "debug", "info", "warn" or "error"; found "inf". Did you mean "info"?`,
		File:   "node.hcl", Start: &config.Place{Line: 2, Column: 11, Byte: 16}, End: &config.Place{Line: 2, Column: 16, Byte: 21},
		Block: "log", Source: `  level = "inf"`,
	}, {
		Severity: "error", Summary: "Unsupported argument",
		Detail: `An argument named "from" is not expected here.`,
		File:   "node.hcl", Start: &config.Place{Line: 3, Column: 3, Byte: 24}, End: &config.Place{Line: 3, Column: 7, Byte: 28},
		Block: "log", Source: `  from = "…"`,
	}}
	if diff := cmp.Diff(want, got.Diagnostics); diff != "" || got.Valid {
		t.Errorf("valid %v: %s", got.Valid, diff)
	}
}
