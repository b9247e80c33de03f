package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const ref = "00000000000000000000000000000000000000000000000000000000000000ff"

// dta runs the command and returns its exit code and what it printed.
func dta(t *testing.T, ctx context.Context, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(ctx, args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// node answers every call of a principal alike.
func node(t *testing.T, status int, media, text string) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTheExitCodeSaysWhoRefused(t *testing.T) {
	const problem = "application/problem+json"
	for _, test := range []struct {
		name        string
		status      int
		media, text string
		code        int
		says        string
	}{
		{"the node: invalid", 400, problem, `{"kind":"invalid","detail":"page: expected a number"}`, ExitUsage, "page: expected a number"},
		{"the node: too large", 413, problem, `{"kind":"invalid","detail":"larger"}`, ExitUsage, "larger"},
		{"the node: denied", 403, problem, `{"kind":"denied","detail":"x"}`, ExitDenied, "x"},
		{"the node: not found", 404, problem, `{"kind":"not_found","detail":"x"}`, ExitNotFound, "x"},
		{"the node: conflict", 409, problem, `{"kind":"conflict","detail":"x"}`, ExitConflict, "x"},
		{"the node: busy", 429, problem, `{"kind":"busy","detail":"x"}`, ExitUnavailable, "x"},
		{"the node: unsupported", 501, problem, `{"kind":"unsupported","detail":"x"}`, ExitUnsupported, "x"},
		{"the node: an internal error", 500, problem, `{"kind":"internal","detail":"internal error"}`, ExitInternal, "dta: internal error"},
		{"the node: a member of the request", 400, problem, `{"kind":"invalid","detail":"beneficiaryIDDocumentCID: expected a CID"}`, ExitUsage, "dta: --beneficiary: expected a CID"},
		{"the node: one of several", 501, problem, `{"kind":"unsupported","detail":"fiduciaries[2]: none"}`, ExitUnsupported, "dta: --fiduciary: none"},
		{"the node: no member", 400, problem, `{"kind":"invalid","detail":"custody \"to: x\": none"}`, ExitUsage, `dta: custody "to: x": none`},
		{"the node, without a kind", 403, problem, `{"detail":"x"}`, ExitUnavailable, "HTTP 403"},
		{"the node, with an unknown kind", 500, problem, `{"kind":"teapot","detail":"x"}`, ExitUnavailable, "HTTP 500"},
		{"a proxy: 404", 404, "text/html", `<h1>404</h1>`, ExitUnavailable, "HTTP 404"},
		{"a proxy: 401", 401, "text/html", ``, ExitUnavailable, "HTTP 401"},
		{"a proxy: 200", 200, "text/html", `<h1>Log in</h1>`, ExitUnavailable, "expected JSON"},
		{"text for a terminal", 403, problem, `{"kind":"denied","detail":"\u001b[2Jno"}`, ExitDenied, "dta: [2Jno"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errOut := dta(t, t.Context(), "order", "list", "--url", node(t, test.status, test.media, test.text))
			if code != test.code || !strings.Contains(errOut, test.says) || out != "" || strings.Contains(errOut, "\x1b") {
				t.Errorf("expected %d and %q; found %d, %q, %q", test.code, test.says, code, out, errOut)
			}
		})
	}
}

func TestAMistakeInTheCommandIsNotTheNodes(t *testing.T) {
	down := "http://127.0.0.1:1"
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"a URL without a scheme", []string{"order", "list", "--url", "localhost:5556"}, ExitUsage, `expected one like http://127.0.0.1:5556; found "localhost:5556"`},
		{"a name for a URL", []string{"order", "list", "--url", "vault"}, ExitUsage, `found "vault"`},
		{"no URL", []string{"order", "list", "--url", ""}, ExitUsage, "--url: expected a value"},
		{"a file that a script forgot", []string{"order", "redeem", ref, "--out", "", "--url", down}, ExitUsage, "--out: expected a value"},
		{"a beneficiary that a script forgot", []string{"order", "create", "--key", "--beneficiary=", "--url", down}, ExitUsage, "--beneficiary: expected a value"},
		{"a suffix that a script forgot", []string{"network", "delegate", "staff", "--to", "x", "--kind", "client-secret", "--suffix", "", "--url", down}, ExitUsage, "--suffix: expected a value"},
		{"one of several", []string{"network", "create", "staff", "--fiduciary", "north", "--fiduciary", "", "--url", down}, ExitUsage, "--fiduciary: expected a value"},
		{"another scheme", []string{"order", "list", "--url", "ftp://x"}, ExitUsage, `found "ftp://x"`},
		{"a query in the URL", []string{"order", "list", "--url", "http://x?y"}, ExitUsage, `found "http://x?y"`},
		{"a URL that is none, with a password", []string{"order", "list", "--url", "http://a:hush@[::1"}, ExitUsage, "missing ']' in host"},
		{"a password in another scheme", []string{"order", "list", "--url", "ftp://a:hush@x"}, ExitUsage, "ftp://a:xxxxx@x"},
		{"a line break in a key", []string{"order", "create", "--key", "--url", down, "--idempotency-key", "a\nb"}, ExitUsage, "expected no control characters"},
		{"an empty reference", []string{"order", "show", "", "--url", down}, ExitUsage, "found an empty argument"},
		{"two references", []string{"order", "show", ref, ref, "--url", down}, ExitUsage, "found 2 arguments"},
		{"no reference", []string{"order", "redeem", "--url", down}, ExitUsage, "found 0 arguments"},
		{"no days", []string{"network", "permit", "staff", "anna", "--out", "p", "--days", "0"}, ExitUsage, "expected 1 or more"},
		{"a number below 0", []string{"network", "revoke", "staff", "anna", "--enrolment", "-3", "--url", down}, ExitUsage, `"-3" for "--enrolment"`},
		{"a kind that is none", []string{"network", "create", "staff", "--fiduciary", "self", "--authority", "foo=1:self", "--url", down}, ExitUsage, `--authority: expected client-secret, server-secret or time-permit; found "foo"`},
		{"two rules of one kind", []string{"network", "create", "staff", "--fiduciary", "self", "--authority", "time-permit=1:self", "--authority", "time-permit=1:x", "--url", down}, ExitUsage, "--authority: expected time-permit once"},
		{"more signatures than names", []string{"network", "create", "staff", "--fiduciary", "self", "--authority", "time-permit=2:self", "--url", down}, ExitUsage, `found "time-permit=2:self"`},
		{"a name that a script forgot", []string{"network", "create", "staff", "--fiduciary", "self", "--authority", "time-permit=1:self,", "--url", down}, ExitUsage, "expected KIND=K:NAME,NAME…"},
		{"a kind that cannot be delegated", []string{"network", "delegate", "staff", "--to", "x", "--kind", "foo", "--url", down}, ExitUsage, `--kind: expected client-secret, server-secret or time-permit; found "foo"`},
		{"a page below the first", []string{"order", "list", "--page", "-1", "--url", down}, ExitUsage, "expected --page of 0 or more"},
		{"more than a page has", []string{"network", "list", "--per-page", "501", "--url", down}, ExitUsage, "--per-page from 1 to 500"},
		{"a day that is none", []string{"network", "permit", "staff", "anna", "--out", file(t, "p"), "--first", "22.11.2026", "--url", down}, ExitUsage, `--first: expected one like 2026-11-22; found "22.11.2026"`},
		{"more days of permits than there may be", []string{"network", "create", "staff", "--fiduciary", "self", "--max-permit-days", "32", "--url", down}, ExitUsage, "--max-permit-days: expected at most 31; found 32"},
		{"days of permits where there are none", []string{"network", "create", "staff", "--fiduciary", "self", "--no-permits", "--max-permit-days", "7", "--url", down}, ExitUsage, "--max-permit-days: expected at most 0; found 7"},
		{"a shell that is none", []string{"completion", "tcsh"}, ExitUsage, `unknown command "tcsh"`},
		{"help on what is none", []string{"help", "ordr"}, ExitUsage, `Did you mean "order"`},
		{"help on what is none below", []string{"help", "order", "crate"}, ExitUsage, `Did you mean "create"`},
		{"nobody at the URL", []string{"order", "list", "--url", down}, ExitUnavailable, "call the node at http://127.0.0.1:1: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, errOut := dta(t, t.Context(), test.args...)
			if code != test.code || !strings.Contains(errOut, test.says) || strings.Contains(errOut, "hush") {
				t.Errorf("expected %d and %q; found %d, %q", test.code, test.says, code, errOut)
			}
		})
	}
}

func TestHelpAndVersionAreNoMistakes(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--version"}, "dta version "},
		{[]string{"help"}, "Exit codes:"},
		{[]string{"help", "order", "create"}, "dta order create (--secret-file FILE | --key) [flags]"},
		{[]string{"help", "completion", "bash"}, "dta completion bash"},
		{[]string{"completion", "bash"}, "__start_dta"},
	} {
		if code, out, errOut := dta(t, t.Context(), test.args...); code != ExitOK || !strings.Contains(out, test.says) || errOut != "" {
			t.Errorf("%v: found %d, %q, %q", test.args, code, out, errOut)
		}
	}
}

func TestTheHelpTellsWhatACommandNeeds(t *testing.T) {
	for path, usage := range map[string]string{
		"order create":         "dta order create (--secret-file FILE | --key) [flags]",
		"network create":       "dta network create NAME --fiduciary PEER [flags]",
		"network enrol-server": "dta network enrol-server NETWORK NAME --out FILE [flags]",
		"network enrol-client": "dta network enrol-client NETWORK NAME --out FILE [flags]",
		"network permit":       "dta network permit NETWORK NAME --out FILE [flags]",
		"network delegate":     "dta network delegate NETWORK --to NODE --kind KIND --out FILE [flags]",
		"network approve":      "dta network approve NETWORK --request FILE --out FILE [flags]",
		"mpin login":           "dta mpin login --token FILE --server URL [flags]",
		"mpin change-pin":      "dta mpin change-pin --token FILE [flags]",
		"mpin server":          "dta mpin server --secret FILE --state DIR [flags]",
		"mpin tries":           "dta mpin tries --state DIR [flags]",
		"mpin unlock":          "dta mpin unlock NAME --state DIR [flags]",
	} {
		if code, out, _ := dta(t, t.Context(), append(strings.Fields(path), "--help")...); code != ExitOK || !strings.Contains(out, usage+"\n") {
			t.Errorf("expected %q; found %d, %s", usage, code, out)
		}
	}
	var each func(*cobra.Command)
	each = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if value, _ := pflag.UnquoteUsage(f); strings.HasPrefix(value, "string") {
				t.Errorf("%s --%s: expected a word for its value", c.CommandPath(), f.Name)
			}
		})
		for _, under := range c.Commands() {
			each(under)
		}
	}
	each((&app{}).root())
}

func TestASecretIsNotSentOn(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the command went there") }))
	defer elsewhere.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := dta(t, t.Context(), "order", "create", "--secret-file", file, "--url", s.URL); code != ExitUnavailable || !strings.Contains(errOut, "307") {
		t.Errorf("found %d, %q", code, errOut)
	}
}

// TestAnInterruptedCommandDidNotSucceed: an order may or may not have been
// placed.
func TestAnInterruptedCommandDidNotSucceed(t *testing.T) {
	for _, command := range [][]string{
		{"order", "create", "--key"}, {"order", "redeem", ref}, {"order", "list"}, {"order", "show", ref},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			interrupt()
			<-r.Context().Done()
		}))
		code, out, errOut := dta(t, ctx, append(command, "--url", s.URL)...)
		if code != ExitInterrupted || out != "" || errOut != "dta: interrupted\n" {
			t.Errorf("%v: found %d, %q, %q", command, code, out, errOut)
		}
		s.Close()
	}
}

func TestToStopANodeIsNoError(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	if err := ended(ctx, context.Canceled); err == nil {
		t.Error("something else was cancelled: expected an error")
	}
	stop()
	if err := ended(ctx, context.Canceled); err != nil {
		t.Errorf("found %v", err)
	}
	if err := ended(ctx, os.ErrClosed); err == nil {
		t.Error("another error while stopping: expected it")
	}
}
