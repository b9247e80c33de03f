package config_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/milagro-dta/dta/config"
)

// FuzzLoad: no file makes Load panic, and every diagnostic can be printed and
// leads nowhere near a value.
func FuzzLoad(f *testing.F) {
	badFiles(f, func(_, src string, _ *[]byte) { f.Add([]byte(src)) })
	for _, path := range []string{"../examples/one-node.hcl", "../examples/reference.hcl"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(withSecrets))
	f.Fuzz(func(t *testing.T, src []byte) {
		o := options(string(src))
		o.Env = func(string) (string, bool) { return canary, true }
		c, diags := config.Load("node.hcl", o)
		var text bytes.Buffer
		if err := config.Write(&text, c.Files, diags); err != nil {
			t.Fatal(err)
		}
		if err := config.WriteJSON(&text, c.Files, diags); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text.Bytes(), []byte(canary)) && !bytes.Contains(src, []byte(canary)) {
			t.Errorf("the value of a function is shown:\n%s", &text)
		}
		for _, p := range c.Plugins {
			end := p.Config.StartByte + len(p.Config.Source)
			if end > len(src) || !bytes.Equal(src[p.Config.StartByte:end], p.Config.Source) {
				t.Errorf("plugin %q: its block is not what stands in the file", p.Name)
			}
		}
	})
}
