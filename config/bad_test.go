package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milagro-dta/dta/config"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected diagnostics")

// rest completes a case that is about other blocks.
const rest = `
plugin "pkcs11" "vault" {
  command = "dta-plugin-pkcs11"
}

node {
  name     = "acme"
  data_dir = "data"
  seal     = "vault"
}

listener "all" {
  address = "127.0.0.1:5556"
  serves  = ["nodes", "principals"]
}
`

var nodeBlock = regexp.MustCompile(`(?m)^(node|noed)\b`)

// badFiles calls f with every case of testdata/bad: archives by topic, in which
// NAME.hcl is followed by NAME.want. A case without a node block is completed
// with rest.
func badFiles(t testing.TB, f func(name, src string, want *[]byte)) (n int) {
	archives, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("testdata/bad: expected archives, found %d (%v)", len(archives), err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var out []txtar.File
		for i := 0; i < len(archive.Files); i++ {
			file := archive.Files[i]
			name, ok := strings.CutSuffix(file.Name, ".hcl")
			if !ok {
				t.Fatalf("%s: expected NAME.hcl, found %s", path, file.Name)
			}
			want := txtar.File{Name: name + ".want"}
			if i+1 < len(archive.Files) && archive.Files[i+1].Name == want.Name {
				want.Data = archive.Files[i+1].Data
				i++
			}
			src := string(file.Data)
			if !nodeBlock.MatchString(src) && name != "empty file" {
				src += rest
			}
			f(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+name, src, &want.Data)
			out = append(out, file, want)
			n++
		}
		if *update {
			archive.Files = out
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

func TestEveryMistakeIsReportedAtItsLine(t *testing.T) {
	n := badFiles(t, func(name, src string, want *[]byte) {
		t.Run(name, func(t *testing.T) {
			c, diags := config.Load("node.hcl", options(src))
			var got bytes.Buffer
			if err := config.Write(&got, c.Files, diags); err != nil {
				t.Fatal(err)
			}
			if len(diags) == 0 {
				t.Error("expected diagnostics, found none")
			}
			if *update {
				*want = got.Bytes()
			}
			if diff := cmp.Diff(string(*want), got.String()); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			for _, d := range diags {
				if d.Expression != nil || d.EvalContext != nil {
					t.Errorf("%s: the diagnostic still leads to values", d.Summary)
				}
			}
			if strings.Contains(got.String(), canary) {
				t.Error("a diagnostic shows a secret")
			}
		})
	})
	if n < 60 {
		t.Errorf("expected at least 60 cases, found %d", n)
	}
}
