package softhsmdemo

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzPINs(f *testing.F) {
	line := strings.Repeat("a", pinSize) + "\n"
	for _, seed := range []string{"", line, line + line, line + "\n" + line[1:], line + line + line} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		officer, user, err := parsePINs(text)
		if err == nil && (officer.Len() != pinSize || user.Len() != pinSize) {
			t.Errorf("expected PINs of %d characters, got %d and %d", pinSize, officer.Len(), user.Len())
		}
	})
}

func FuzzSettled(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"a/b.object":"AAEC"}`, `{"../x":"AA=="}`, `{"/etc/x":""}`, `{"a":1}`, `{".":""}`, `{"..-x":"AA=="}`, `{"..":""}`, `{"a/..":""}`, `{"./":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSettled(text)
		if err != nil {
			return
		}
		for name := range s {
			if rel, err := filepath.Rel("/token", filepath.Join("/token", name)); err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, "../") {
				t.Errorf("%q leads out of the token", name)
			}
		}
	})
}
