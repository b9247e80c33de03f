package config_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/config"
)

// withSecrets has the canary wherever a secret may stand.
const withSecrets = `
node {
  name     = "acme"
  data_dir = "data"
  seal     = "vault"
}

listener "all" {
  address = "127.0.0.1:5556"
  serves  = ["nodes"]
}

store "postgres" { url = "postgres://dta:kanarienvogel@db/dta" }

ipfs "kubo" {
  api = "https://dta:kanarienvogel@ipfs.example"
}

plugin "pkcs11" "vault" {
  command = "dta-plugin-pkcs11"
  args    = [file("secret")]
  env     = { TOKEN = "kanarienvogel", OTHER = env("SECRET") }

  config {
    pin   = "kanarienvogel"
    pins  = ["kanarienvogel", "kanarienvogel=="]
    pin_1 = <<-END
      kanarienvogel=
      kanarienvogel {
      END
    map = { kanarienvogel_1 = "kanarienvogel" }
  }
}
`

// TestNoMistakeShowsASecret breaks the file at every byte in several ways.
func TestNoMistakeShowsASecret(t *testing.T) {
	check := func(what, src string) {
		c, diags := config.Load("node.hcl", options(src))
		var text bytes.Buffer
		if err := config.Write(&text, c.Files, diags); err != nil {
			t.Fatal(err)
		}
		if err := config.WriteJSON(&text, c.Files, diags); err != nil {
			t.Fatal(err)
		}
		for _, p := range c.Plugins {
			fmt.Fprintf(&text, "%+v %#v %s", p.Env, p.Config, p.Config)
		}
		if at := strings.Index(text.String(), canary); at >= 0 {
			t.Errorf("%s: a secret is shown:\n%s", what, text.String()[max(0, at-200):at+len(canary)])
		}
	}
	check("unbroken", withSecrets)
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < len(withSecrets); i += step {
		before, after := withSecrets[:i], withSecrets[i:]
		check(fmt.Sprintf("byte %d removed", i), before+after[1:])
		for _, extra := range []string{`"`, "\n", "{", "}", " x ", "=", "${"} {
			if i > 0 && inWord(withSecrets[i-1]) && inWord(withSecrets[i]) {
				continue // a canary cut in two would not be found
			}
			check(fmt.Sprintf("%q put in at byte %d", extra, i), before+extra+after)
		}
	}
}

func inWord(c byte) bool { return 'a' <= c && c <= 'z' }
