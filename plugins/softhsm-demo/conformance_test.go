package softhsmdemo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/plugins/internal/built"
	softhsmdemo "github.com/milagro-dta/dta/plugins/softhsm-demo"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/hostile"
)

func conformance() plugintest.Config {
	return plugintest.Config{
		Type: "softhsm-demo",
		Fresh: func(t testing.TB, c *plugintest.Config) {
			directory := filepath.Join(t.TempDir(), "hsm")
			c.Block = fmt.Sprintf("directory = %q\n", directory)
			c.CachedBlock = c.Block + "share_cache = 4\n"
			c.OtherBlock = fmt.Sprintf("directory = %q\nrealm = \"other\"\n", directory)
		},
		Mistakes: []plugintest.Mistake{
			{Name: "a misspelt argument", Block: "directroy = \"/d\"\n", Line: 1, Text: `Did you mean "directory"?`},
			{Name: "no directory", Block: "directory = \"\"\n", Line: 1, Text: "directory"},
			{Name: "a directory that SoftHSM cannot use", Block: "directory = \"/a#b\"\n", Line: 1, Text: "'#'"},
			{Name: "a directory that SoftHSM would cut", Block: "\ndirectory = \"/a=b\"\n", Line: 2, Text: "'='"},
			{Name: "a relative module", Block: "directory = \"/d\"\nmodule = \"m.so\"\n", Line: 2, Text: "absolute path"},
			{Name: "less than no cache", Block: "directory = \"/d\"\nshare_cache = -1\n", Line: 2, Text: "found -1"},
			{Name: "an unknown rung", Block: "directory = \"/d\"\nrung = \"x\"\n", Line: 2, Text: "gcm or hmac-derive"},
		},
	}
}

func TestThePluginConforms(t *testing.T) {
	c := conformance()
	c.Plugin = softhsmdemo.Plugin()
	plugintest.Run(t, c)
}

func TestTheProgramConforms(t *testing.T) {
	c := conformance()
	c.Twin = softhsmdemo.Plugin()
	c.Command = built.Program(t, "dta-plugin-softhsm-demo")
	plugintest.Run(t, c)
}

func TestTheProgramLogsNoPIN(t *testing.T) {
	c := conformance()
	c.Command = built.Program(t, "dta-plugin-softhsm-demo")
	directory := filepath.Join(t.TempDir(), "hsm")
	c.Fresh, c.Block = nil, fmt.Sprintf("directory = %q\n", directory)
	e := plugintest.Enrol(t, c)
	e.Restart(t)
	pins, err := os.ReadFile(filepath.Join(directory, "token", "pins"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range strings.Fields(string(pins)) {
		if strings.Contains(e.Log(), pin) {
			t.Error("a PIN is in the log")
		}
	}
	if !strings.Contains(e.Log(), "for demonstration only") {
		t.Error("expected a warning in the log")
	}
}

func TestTheProgramWithstandsALyingHost(t *testing.T) {
	c := conformance()
	c.Twin = softhsmdemo.Plugin()
	c.Command = built.Program(t, "dta-plugin-softhsm-demo")
	hostile.Run(t, c)
}
