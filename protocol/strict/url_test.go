package strict_test

import (
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/strict"
)

func TestABaseURLIsSchemeHostAndPort(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:5001":    "http://127.0.0.1:5001",
		"https://node.example/":    "https://node.example",
		"https://[::1]:5556":       "https://[::1]:5556",
		"HTTPS://node.example":     "https://node.example",
		"http://dta.example:80":    "http://dta.example:80",
		"http://node.example:5556": "http://node.example:5556",
	} {
		if u, err := strict.BaseURL(text); err != nil || u.String() != want {
			t.Errorf("%s: expected %s; found %v, %v", text, want, u, err)
		}
	}
	for _, text := range []string{
		"", "node.example", "node.example:80", "/v1", "ftp://node.example", "http://", "http://:80", "http:/node.example", "http:node.example",
		"http://node.example/path", "http://node.example//", "http://node.example?x=1", "http://node.example?", "http://node.example#f",
		"http://node.example/path?x=1#f", "http://anna:hunter2@node.example", "http://anna@node.example", "http://node example", "http://node.example:port",
	} {
		_, err := strict.BaseURL(text)
		if err == nil {
			t.Errorf("%s: expected it to be refused", text)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("expected a refusal without the password; found %v", err)
		}
	}
}

func FuzzBaseURL(f *testing.F) {
	f.Add("https://node.example:5556/")
	f.Add("http://[::1%25eth0]:80")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := strict.BaseURL(text)
		if err != nil {
			return
		}
		if u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
			t.Errorf("%q was read as %#v", text, u)
		}
	})
}
