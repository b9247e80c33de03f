package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASecretGoesToANewFileOrNowhere(t *testing.T) {
	const released = `{"secret":"c2VjcmV0","commitment":"00","orderReference":"` + ref + `","kind":"secret","releaseCID":"bafyrei"}`
	for _, test := range []struct {
		name   string
		status int
		media  string
		text   string
		flags  []string
		code   int
		file   string // "": none is left
		out    string
	}{
		{"a secret", 200, "application/json", released, nil, ExitOK, "secret", ""},
		{"a key", 200, "application/json", `{"secret":"00ff","kind":"key"}`, nil, ExitOK, "00ff", ""},
		{"a key as bytes", 200, "application/json", `{"secret":"` + strings.Repeat("41", 32) + `","kind":"key","keyType":"secp256k1"}`, []string{"--form", "raw"}, ExitOK, strings.Repeat("A", 32), ""},
		{"a key that is none of its type", 200, "application/json", `{"secret":"00ff","kind":"key","keyType":"secp256k1"}`, []string{"--form", "pem"}, ExitUnavailable, "", ""},
		{"a key that is not hex", 200, "application/json", `{"secret":"key","kind":"key","keyType":"secp256k1"}`, []string{"--form", "pem"}, ExitUnavailable, "", ""},
		{"a key of a type that this program does not know", 200, "application/json", `{"secret":"00ff","kind":"key","keyType":"rsa"}`, []string{"--form", "pem"}, ExitUnsupported, "", ""},
		{"a key in a form that its type has not", 200, "application/json", `{"secret":"00ff","kind":"key","keyType":"bls12381"}`, []string{"--form", "pem"}, ExitUnsupported, "", ""},
		{"a secret in a form", 200, "application/json", released, []string{"--form", "raw"}, ExitUsage, "", ""},
		{"a secret, and the rest as JSON", 200, "application/json", released, []string{"--json"}, ExitOK, "secret", `"releaseCID": "bafyrei"`},
		{"a secret that went to another", 200, "application/json", `{"kind":"secret","releaseCID":"bafyrei"}`, nil, ExitOK, "", "released to another: bafyrei"},
		{"a refusal", 403, "application/problem+json", `{"kind":"denied","detail":"x"}`, nil, ExitDenied, "", ""},
		{"an answer that is none", 200, "text/html", `<h1>Log in</h1>`, nil, ExitUnavailable, "", ""},
		{"a secret that is no base64", 200, "application/json", `{"secret":"*","kind":"secret"}`, nil, ExitUnavailable, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "back")
			args := append([]string{"order", "redeem", ref, "--out", path, "--url", node(t, test.status, test.media, test.text)}, test.flags...)
			code, out, errOut := dta(t, t.Context(), args...)
			if code != test.code || !strings.Contains(out, test.out) || test.out == "" && out != "" || strings.Contains(out, "c2VjcmV0") {
				t.Errorf("expected %d and %q; found %d, %q, %q", test.code, test.out, code, out, errOut)
			}
			kept, err := os.ReadFile(path)
			if string(kept) != test.file || os.IsNotExist(err) != (test.file == "") {
				t.Errorf("expected the file to hold %q; found %q, %v", test.file, kept, err)
			}
			if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("found mode %s", info.Mode())
			}
		})
	}
}

// A reader of the file finds all of the secret in it or no file.
func TestAFileIsNotThereBeforeItsSecret(t *testing.T) {
	path := file(t, "back")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("expected no file yet; found %v", err)
		}
		prepared, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(prepared) != 1 {
			t.Errorf("expected its place to be prepared; found %v, %v", prepared, err)
		}
		io.WriteString(w, `{"secret":"00","kind":"key"}`)
	}))
	defer s.Close()
	if code, _, errOut := dta(t, t.Context(), "order", "redeem", ref, "--out", path, "--url", s.URL); code != ExitOK {
		t.Errorf("found %d, %q", code, errOut)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 || left[0].Name() != "back" {
		t.Errorf("found %v, %v", left, err)
	}
}

// TestNothingIsRedeemedThatCannotBeWritten: the file is made first.
func TestNothingIsRedeemedThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("it was redeemed")
		io.WriteString(w, `{"secret":"00","kind":"key"}`)
	}))
	defer s.Close()
	for _, path := range []string{there, filepath.Join(dir, "no", "directory")} {
		if code, _, errOut := dta(t, t.Context(), "order", "redeem", ref, "--out", path, "--url", s.URL); code != ExitUsage {
			t.Errorf("%s: found %d, %q", path, code, errOut)
		}
	}
	if kept, err := os.ReadFile(there); string(kept) != "mine" {
		t.Errorf("found %q, %v", kept, err)
	}
}
