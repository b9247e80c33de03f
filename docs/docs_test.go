// Package docs_test runs every command of the README and of the pages beside
// it, on the built programs and a real SoftHSM, and compares what they print.
package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// programs is where the built programs are.
func programs(t *testing.T) string {
	bin := os.Getenv("DTA_BIN")
	if bin == "" {
		bin = "../bin"
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dta", "dta-plugin-softhsm-demo", "dta-plugin-pkcs11"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Fatalf("%v: run make build, or set DTA_BIN", err)
		}
	}
	return bin
}

func needed(t *testing.T) {
	for name, install := range map[string]string{
		"bash": "bash", "curl": "curl", "openssl": "openssl", "softhsm2-util": "softhsm2", "python3": "python3 python3-cryptography",
	} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%v: as root, run apt-get install %s", err, install)
		}
	}
}

func root(t *testing.T) string {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func pages(t *testing.T) []string {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"../README.md"}, pages...)
}

func TestEveryCommandDoesWhatItsPageShows(t *testing.T) {
	needed(t)
	bin, root := programs(t), root(t)
	for _, page := range pages(t) {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			if err := follow(page, bin, root); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestPagesForPeopleHaveCommands(t *testing.T) {
	for _, page := range []string{"../README.md", "operator.md", "principal.md", "plugin-author.md", "zkp-mfa.md"} {
		steps, err := readPage(page)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, s := range steps {
			n += len(s.commands)
		}
		if n == 0 {
			t.Errorf("%s: expected commands, found none", page)
		}
	}
}

func TestAMistakeInAPageIsFound(t *testing.T) {
	needed(t)
	bin, root := programs(t), root(t)
	for _, test := range []struct{ name, page, want string }{
		{"a command that does not exist", "```console\n$ dta keep-my-secret\n```\n", "exit code"},
		{"an option that does not exist", "```console\n$ dta order list --shiny\n```\n", "exit code 2"},
		{"a command that fails in the middle", "```console\n$ true\n$ false\n$ true\n```\n", "page.md:3"},
		{"output that is not printed", "```console\n$ echo one\ntwo\n```\n", "shows the line\ntwo"},
		{"output in another order", "```console\n$ printf 'b\\na\\n'\na\nb\n```\n", "shows the line\nb"},
		{"a command that ends the shell", "```console\n$ exit 3\n```\n", "ended the shell"},
		{"a block in which commands would not be run", "```sh\ndta host\n```\n", "expected a block of"},
		{"a block that does not end", "```console\n$ true\n", "does not end"},
		{"a configuration with a mistake", "```hcl file=a.hcl\nnode { nmae = \"x\" }\n```\n```console\n$ dta config validate --config a.hcl\n```\n", "exit code 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "page.md")
			if err := os.WriteFile(path, []byte(test.page), 0o600); err != nil {
				t.Fatal(err)
			}
			err := follow(path, bin, root)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("expected an error with %q, got %v", test.want, err)
			}
		})
	}
}

func TestADemoWhoseReaderLeavesClearsUp(t *testing.T) {
	needed(t)
	page := filepath.Join(t.TempDir(), "page.md")
	text := "```console\n$ make demo | head -n 3\n\n  A secret is kept by an HSM plugin, and given back\n$ ls -d $TMPDIR/dta-demo-* 2>/dev/null || echo nothing is left\nnothing is left\n```\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := follow(page, programs(t), root(t)); err != nil {
		t.Fatal(err)
	}
}

var links = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range links.FindAllStringSubmatch(string(text), -1) {
			to := found[1]
			if strings.HasPrefix(to, "https://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), to)); err != nil {
				t.Errorf("%s: link to %s: %v", page, to, err)
			}
		}
	}
}
