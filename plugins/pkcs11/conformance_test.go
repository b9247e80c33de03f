package pkcs11_test

import (
	"fmt"
	"testing"

	"github.com/milagro-dta/dta/plugins/internal/built"
	"github.com/milagro-dta/dta/plugins/pkcs11"
	"github.com/milagro-dta/dta/plugins/pkcs11/internal/softtoken"
	"github.com/milagro-dta/dta/sdk/plugintest"
	"github.com/milagro-dta/dta/sdk/plugintest/hostile"
)

// conformance is a fresh token for each test, and what may go wrong in a block.
func conformance(rung string) plugintest.Config {
	return plugintest.Config{
		Type: "pkcs11",
		Fresh: func(t testing.TB, c *plugintest.Config) {
			o := softtoken.New(t)
			pin := string(o.PIN.Open())
			block := "module = %q\ntoken_label = %q\nrealm = %q\npin = %q\nrung = %q\n"
			c.Block = fmt.Sprintf(block, o.Module, o.Label, "acme", pin, rung)
			c.CachedBlock = c.Block + "share_cache = 4\n"
			c.OtherBlock = fmt.Sprintf(block, o.Module, o.Label, "northwind", pin, rung)
			c.Secrets = []string{pin}
		},
		Mistakes: []plugintest.Mistake{
			{Name: "a misspelt argument", Block: block("module = \"/m.so\"", "token_lable = \"t\"", "realm = \"acme\""), Line: 2, Text: `Did you mean "token_label"?`},
			{Name: "a relative module", Block: block("module = \"m.so\"", "token_label = \"t\"", "realm = \"acme\""), Line: 1, Text: "absolute path"},
			{Name: "a realm with a slash", Block: block("module = \"/m.so\"", "token_label = \"t\"", "realm = \"a/b\""), Line: 3, Text: "realm"},
			{Name: "no token", Block: block("module = \"/m.so\"", "realm = \"acme\""), Line: 1, Text: "token_label or token_serial"},
			{Name: "an unknown rung", Block: block("module = \"/m.so\"", "token_label = \"t\"", "realm = \"acme\"", "rung = \"rsa\""), Line: 4, Text: "gcm or hmac-derive"},
			{Name: "too many sessions", Block: block("module = \"/m.so\"", "token_label = \"t\"", "realm = \"acme\"", "sessions = 1000"), Line: 4, Text: "found 1000"},
			{Name: "too large a cache", Block: block("module = \"/m.so\"", "token_label = \"t\"", "realm = \"acme\"", "share_cache = 1025"), Line: 4, Text: "found 1025"},
			{Name: "a PIN file that is not there", Block: "pin = file(\"/nonexistent\")\nmodule = \"/m.so\"\ntoken_label = \"t\"\nrealm = \"acme\"\n", Line: 1, Text: "no such file"},
			{Name: "an empty PIN", Block: "pin = \"\"\nmodule = \"/m.so\"\ntoken_label = \"t\"\nrealm = \"acme\"\n", Line: 1, Text: "PIN"},
		},
	}
}

func block(lines ...string) (text string) {
	for _, line := range append(lines, `pin = "1234"`) {
		text += line + "\n"
	}
	return text
}

func TestThePluginConforms(t *testing.T) {
	for _, rung := range []string{"gcm", "hmac-derive"} {
		t.Run(rung, func(t *testing.T) {
			c := conformance(rung)
			c.Plugin = pkcs11.Plugin()
			plugintest.Run(t, c)
		})
	}
}

func TestTheProgramConforms(t *testing.T) {
	c := conformance("gcm")
	c.Twin = pkcs11.Plugin()
	c.Command, c.Env = built.Program(t, "dta-plugin-pkcs11"), softtoken.Env()
	plugintest.Run(t, c)
}

func TestThePluginWithstandsALyingHost(t *testing.T) {
	c := conformance("hmac-derive")
	c.Plugin = pkcs11.Plugin()
	hostile.Run(t, c)
}

func TestTheProgramWithstandsALyingHost(t *testing.T) {
	c := conformance("gcm")
	c.Twin = pkcs11.Plugin()
	c.Command, c.Env = built.Program(t, "dta-plugin-pkcs11"), softtoken.Env()
	hostile.Run(t, c)
}
