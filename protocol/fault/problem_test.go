package fault_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestEveryKindKeepsItsMeaningAcrossHTTP(t *testing.T) {
	for _, k := range fault.Kinds() {
		err := fault.FromProblem(k.HTTP(), "application/problem+json; charset=utf-8", fmt.Appendf(nil, `{"kind":%q,"detail":"slot 7"}`, k))
		if fault.Of(err) != k || err.Error() != "slot 7" {
			t.Errorf("%s: found %s, %v", k, fault.Of(err), err)
		}
	}
}

func TestAnAnswerThatIsNoNodesSaysNothingAboutTheRequest(t *testing.T) {
	for _, c := range []struct {
		name         string
		status       int
		media, text  string
		want         fault.Kind
		wantContains string
	}{
		{"a kind of this status, though not its own code", 413, "application/problem+json", `{"kind":"invalid","detail":"large"}`, fault.Invalid, "large"},
		{"the original's member", 404, "application/problem+json", `{"kind":"not_found","error":"no order"}`, fault.NotFound, "no order"},
		{"a problem without a text", 403, "application/problem+json", `{"kind":"denied"}`, fault.Denied, "Forbidden"},
		{"a proxy's page", 404, "text/html", `<h1>404</h1>`, fault.Unavailable, "HTTP 404 Not Found"},
		{"another API's JSON", 404, "application/json", `{"kind":"not_found","detail":"route"}`, fault.Unavailable, "HTTP 404"},
		{"another API's problem", 404, "application/problem+json", `{"detail":"route"}`, fault.Unavailable, "HTTP 404"},
		{"an unknown kind", 500, "application/problem+json", `{"kind":"teapot","detail":"x"}`, fault.Unavailable, "HTTP 500"},
		{"a kind of another status", 400, "application/problem+json", `{"kind":"denied","detail":"x"}`, fault.Unavailable, "HTTP 400"},
		{"a refusal under a server's error", 502, "application/problem+json", `{"kind":"denied","detail":"x"}`, fault.Unavailable, "HTTP 502"},
		{"a problem cut off", 403, "application/problem+json", `{"kind":"denied","detail":`, fault.Unavailable, "HTTP 403"},
		{"a proxy that wants a password", 401, "text/plain", "", fault.Unavailable, "HTTP 401"},
		{"a redirect", 302, "text/html", "", fault.Unavailable, "HTTP 302"},
		{"no media type", 400, "", `{"kind":"invalid","detail":"x"}`, fault.Unavailable, "HTTP 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := fault.FromProblem(c.status, c.media, []byte(c.text))
			if fault.Of(err) != c.want || !strings.Contains(err.Error(), c.wantContains) {
				t.Errorf("expected %s with %q; found %s, %v", c.want, c.wantContains, fault.Of(err), err)
			}
		})
	}
}

func TestForeignTextIsFitToBePrinted(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"as it was: é":                   "as it was: é",
		"two\nlines\t\r\n":               "two lines  ",
		"\x1b[2Jgone\x00\u009b\u007f":    "[2Jgone",
		"order \u202edeined\u2066":       "order deined",
		"bytes \xff\xfe":                 "bytes �",
		strings.Repeat("é", 511) + "abc": strings.Repeat("é", 511) + "ab…",
		strings.Repeat("x", 1023) + "é":  strings.Repeat("x", 1023) + "…",
	} {
		if got := fault.Foreign(in); got != want {
			t.Errorf("%q: expected %q; found %q", in, want, got)
		}
	}
}

func FuzzFromProblem(f *testing.F) {
	f.Add(403, "application/problem+json", []byte(`{"kind":"denied","detail":"no\u001b"}`))
	f.Add(500, "application/problem+json; charset=utf-8", []byte(`{"kind":"internal","error":"\ud800"}`))
	f.Add(http.StatusOK, "", []byte(nil))
	f.Fuzz(func(t *testing.T, status int, media string, text []byte) {
		err := fault.FromProblem(status, media, text)
		if k := fault.Of(err); k == "" || !strings.Contains(fmt.Sprint(fault.Kinds()), string(k)) {
			t.Errorf("found kind %q", k)
		}
		if s := err.Error(); len(s) > 1040 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			t.Errorf("found text %q", s)
		}
	})
}
