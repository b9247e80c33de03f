package pluginconf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/pluginconf"
)

const canary = "Kanarienvogel-4711"

type config struct {
	Module  string            `hcl:"module"`
	Slot    int               `hcl:"slot,optional"`
	PIN     pluginconf.Secret `hcl:"pin"`
	Note    string            `hcl:"note,optional" dta:"sensitive"`
	Session *session          `hcl:"session,block"`
}

type session struct {
	Max int `hcl:"max,optional"`
}

// operatorsFile puts a block where an operator would have it: its first line is line 6.
func operatorsFile(source string) pluginconf.Block {
	return pluginconf.Block{Filename: "node.hcl", Source: []byte("\n" + source + "\n"), Start: hcl.Pos{Line: 5, Column: 11, Byte: 120}}
}

func decode(t *testing.T, source string, check func(*config) []pluginconf.Problem) (*config, *pluginconf.Result) {
	t.Helper()
	c := &config{}
	return c, pluginconf.Decode(operatorsFile(source), c, func() []pluginconf.Problem {
		if check == nil {
			return nil
		}
		return check(c)
	})
}

func TestAGoodBlockIsDecoded(t *testing.T) {
	t.Setenv("DTA_TEST_MODULE", "/lib/p11.so")
	pin := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(pin, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, r := decode(t, `module = env("DTA_TEST_MODULE")
pin = file("`+pin+`")
session { max = 4 }`, nil)
	if r.HasErrors() {
		t.Fatal(r.Diagnostics)
	}
	if c.Module != "/lib/p11.so" || c.PIN.Reveal() != canary || c.Session.Max != 4 {
		t.Errorf("decoded something else: %+v", c)
	}
}

func TestEveryProblemIsReportedAtOnceAndAtItsPlace(t *testing.T) {
	_, r := decode(t, `modul = "/lib/p11.so"
slot = "many"
pin  = "`+canary+`"
session {
  maxx = 3
}`, func(*config) []pluginconf.Problem {
		return []pluginconf.Problem{
			{Attribute: "pin", Summary: "PIN too long", Detail: "A PIN has at most 8 bytes."},
			{Attribute: "slot", Summary: "About something reported already"},
			{Attribute: "module", Summary: "About something known to be missing"},
			{Attribute: "session.max", Summary: "No sessions", Warning: true},
		}
	})
	want := map[string]string{
		"Unsupported argument 6":      `Did you mean "module"?`,
		"Missing required argument 5": `"module"`,
		"Unsuitable value type 7":     "number",
		"Unsupported argument 10":     `Did you mean "max"?`,
		"PIN too long 8":              "8 bytes",
		"No sessions 9":               "",
	}
	got := map[string]string{}
	for _, d := range r.Diagnostics {
		if d.Subject == nil || d.Subject.Filename != "node.hcl" {
			t.Errorf("%s: no place in the operator's file", d.Summary)
			continue
		}
		got[fmt.Sprintf("%s %d", d.Summary, d.Subject.Start.Line)] = d.Detail
	}
	for what, detail := range want {
		if found, ok := got[what]; !ok || !strings.Contains(found, detail) {
			t.Errorf("expected %q with %q; found %q", what, detail, found)
		}
	}
	if len(got) != len(want) {
		t.Errorf("expected %d problems; found %v", len(want), got)
	}
}

// print shows diagnostics as a host does that keeps its side: lines marked as sensitive are left out.
func print(t *testing.T, b pluginconf.Block, r *pluginconf.Result) string {
	t.Helper()
	source := append(bytes.Repeat([]byte("\n"), 4), append(bytes.Repeat([]byte(" "), 10), b.Source...)...)
	lines := strings.Split(string(source), "\n")
	var out strings.Builder
	for _, d := range contract.ToHCL(contract.FromHCL(r.Diagnostics), b.Filename) {
		fmt.Fprintln(&out, d.Summary, d.Detail)
		if d.Subject == nil || contract.IsSensitive(d) {
			continue
		}
		for n := d.Subject.Start.Line; n <= d.Subject.End.Line && n <= len(lines); n++ {
			fmt.Fprintln(&out, lines[n-1])
		}
	}
	return out.String()
}

func TestNoDiagnosticShowsASecret(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DTA_TEST_PIN", canary)
	for name, source := range map[string]string{
		"a secret beside an error":        "module = 1 + \"\"\npin = \"" + canary + "\"",
		"a secret of the wrong type":      `pin = ["` + canary + `"]`,
		"a secret without quotes":         `pin = Kanarienvogel-4711`,
		"an unquoted name":                `pin = Kanarienvogel`,
		"a misspelt name":                 `pni = "` + canary + `"`,
		"another name altogether":         `token_password = "` + canary + `"`,
		"an unknown function":             `pin = sha256("` + canary + `")`,
		"a secret made part of a path":    `pin = file("/nonexistent/${env("DTA_TEST_PIN")}")`,
		"a secret made a path":            `pin = file(env("DTA_TEST_PIN"))`,
		"a secret made a variable":        `pin = env(env("DTA_TEST_PIN"))`,
		"a key taken for a path":          `pin = file("` + canary + `\n` + canary + `")`,
		"a secret taken for a variable":   `pin = env("` + canary + `")`,
		"a file that is a directory":      `pin = file("` + dir + `")`,
		"two arguments":                   `pin = env("DTA_TEST_PIN", "` + canary + `")`,
		"arithmetic":                      `pin = "` + canary + `" + 3`,
		"twice":                           "pin = \"" + canary + "\"\npin = \"" + canary + "\"",
		"in a template":                   `pin = "${` + "Kanarienvogel" + `}"`,
		"a heredoc":                       "pin = <<EOT\n" + canary + "\nEOT\nslot = pin",
		"in an unknown block":             "hsm {\n  pin = \"" + canary + "\"\n}",
		"in an unknown block on one line": `hsm { pin = "` + canary + `" }`,
		"in a known block":                "session {\n  pin = \"" + canary + "\"\n}",
		"before broken syntax":            "pin = \"" + canary + "\" }}} = \"",
		"an open quote":                   `pin = "` + canary,
		"tagged as sensitive":             `note = ["` + canary + `"]`,
		"an index":                        `pin = "` + canary + `"["` + canary + `"]`,
		"an object":                       `pin = { a = "` + canary + `" }`,
		"a conditional":                   `pin = true ? "` + canary + `" : Kanarienvogel`,
	} {
		t.Run(name, func(t *testing.T) {
			for mode, work := range map[string]func(pluginconf.Block, any, func() []pluginconf.Problem) *pluginconf.Result{
				"decode": pluginconf.Decode, "validate": pluginconf.Validate,
			} {
				b, c := operatorsFile(source), &config{}
				r := work(b, c, func() []pluginconf.Problem {
					return []pluginconf.Problem{{Attribute: "pin", Summary: "About " + c.PIN.Reveal(), Detail: c.Note + c.PIN.Reveal()}}
				})
				if text := print(t, b, r); strings.Contains(text, "Kanarienvogel") {
					t.Errorf("%s: the secret came out:\n%s", mode, text)
				}
				if !r.HasErrors() {
					t.Errorf("%s: expected an error", mode)
				}
			}
		})
	}
}

func TestHarmlessLinesAreStillShown(t *testing.T) {
	b, c := operatorsFile("slott = 3\nmodule = \"x\"\npin = \"1234\""), &config{}
	r := pluginconf.Decode(b, c, nil)
	if text := print(t, b, r); !strings.Contains(text, "slott = 3") || !strings.Contains(text, `Did you mean "slot"?`) {
		t.Errorf("expected the line and a suggestion:\n%s", text)
	}
}

// both runs Decode and Validate, which agree on what is not there.
func both(t *testing.T, source string, check func(*testing.T, *pluginconf.Result)) {
	for mode, work := range map[string]func(pluginconf.Block, any, func() []pluginconf.Problem) *pluginconf.Result{
		"decode": pluginconf.Decode, "validate": pluginconf.Validate,
	} {
		t.Run(mode, func(t *testing.T) { check(t, work(operatorsFile(source), &config{}, nil)) })
	}
}

func TestAFileOrVariableThatIsNotThereIsNamedOnce(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, 64<<10+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, pin, want string }{
		{"a file that is not there", `file("nope")`, "node.hcl:7,7-19: File not readable; The plugin cannot read the file nope: no such file or directory."},
		{"a directory", `file("` + dir + `")`, "The plugin cannot read the file " + dir + ": it is not a regular file."},
		{"a file too large", `file("` + large + `")`, "The plugin cannot read the file " + large + ": it has more than 64 KiB."},
		{"a variable that is not set", `env("DTA_TEST_NOPE")`, "node.hcl:7,7-27: Environment variable not set; The plugin's environment has no variable DTA_TEST_NOPE; what"},
		{"within a text", `"x${env("DTA_TEST_NOPE")}"`, "has no variable DTA_TEST_NOPE;"},
		{"what is no variable's name", `env("12 34")`, "The plugin's environment has no such variable;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, "module = \"m\"\npin = "+c.pin, func(t *testing.T, r *pluginconf.Result) {
				if len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Error(), c.want) {
					t.Errorf("expected one diagnostic with %q; found %v", c.want, r.Diagnostics.Errs())
				}
			})
		})
	}
}

func TestWhatIsNamedTogetherIsReportedTogether(t *testing.T) {
	both(t, "module = file(\"/nonexistent/module\")\nslot = env(\"DTA_TEST_NOPE\")\npin = \"${file(\"/nonexistent/a\")}${file(\"/nonexistent/b\")}\"\nsession { max = env(\"DTA_TEST_NOPE\") }",
		func(t *testing.T, r *pluginconf.Result) {
			if len(r.Diagnostics) != 5 {
				t.Errorf("expected 5 diagnostics; found %v", r.Diagnostics.Errs())
			}
		})
}

func TestValidateReadsNothing(t *testing.T) {
	t.Setenv("DTA_TEST_SET", "set")
	pin := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(pin, []byte("\xff is no text, which only its reader learns"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &config{}
	r := pluginconf.Validate(operatorsFile(`module = file("`+pin+`")
slot = env("DTA_TEST_SET")
pin = file("`+pin+`")
session { max = env("DTA_TEST_SET") }`), c, func() []pluginconf.Problem {
		return []pluginconf.Problem{{Attribute: "pin", Summary: "An empty PIN"}, {Attribute: "session.max", Summary: "Too few"}}
	})
	if len(r.Diagnostics) != 0 {
		t.Errorf("expected nothing to complain about; got %v", r.Diagnostics)
	}
	if c.Module != "" || c.PIN.Reveal() != "" {
		t.Errorf("expected no values; got %+v", c)
	}
	if r := pluginconf.Validate(operatorsFile(`module = file()
pin = fil("x")`), c, nil); len(r.Diagnostics) != 2 {
		t.Errorf("expected the form of both calls to be refused; got %v", r.Diagnostics)
	}
}

func TestScrubTakesSecretsOutOfOtherTexts(t *testing.T) {
	_, r := decode(t, `module = "m"
pin = "`+canary+`"
note = "42"`, nil)
	if got := r.Scrub("login with " + canary + " failed"); got != "login with [secret] failed" {
		t.Errorf("got %q", got)
	}
	if got := r.Scrub("42 is the note"); strings.Contains(got, "note is") || strings.Contains(got, "42") {
		t.Errorf("got %q", got)
	}
}

func TestASecretDoesNotPrint(t *testing.T) {
	s := pluginconf.Secret(canary)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "pin", s)
	asJSON, _ := json.Marshal(struct{ PIN pluginconf.Secret }{s})
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %s %q %x %#v %+v", s, s, s, s, s, s), fmt.Sprintf("%+v", config{PIN: s}), log.String(), string(asJSON)} {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("it printed: %s", text)
		}
	}
}

func TestTooLargeABlockIsRefused(t *testing.T) {
	c := &config{}
	if r := pluginconf.Decode(operatorsFile(strings.Repeat("#", contract.MaxConfig)), c, nil); !r.HasErrors() {
		t.Error("expected an error")
	}
}

func FuzzBlock(f *testing.F) {
	for _, s := range []string{
		"", "module = \"m\"\npin = \"p\"", "pin = file(\"x\")", "session { max = 3 }", "session {}\nsession {}", "pin = <<E\nx\nE\n",
		"x {{{", "module = [for a in b : a]", "pin = env(\"A\", [])", "\"pin\" = 1", "pin = \"${file(\"x\")}\"", "module = -(-1) % 0",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		b := pluginconf.Block{Filename: "node.hcl", Source: source, Start: hcl.Pos{Line: 5, Column: 11, Byte: 120}}
		r := pluginconf.Validate(b, &config{}, nil)
		for _, d := range contract.FromHCL(r.Diagnostics) {
			if d.Range != nil && d.Range.Start.Line < 5 {
				t.Errorf("%s at line %d, before the block", d.Summary, d.Range.Start.Line)
			}
		}
	})
}
