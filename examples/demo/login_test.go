package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestALoginThatMustSucceedSaysWhyItDidNot(t *testing.T) {
	dir := t.TempDir()
	s := &stage{dta: filepath.Join(dir, "dta"), dir: dir, url: map[string]string{}}
	for script, want := range map[string]string{
		"exit 0":                         "",
		"echo 'dta: locked' >&2\nexit 3": "alice@example.com with the right PIN: exit code 3: locked",
	} {
		if err := os.WriteFile(s.dta, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		err := s.mustLogin(t.Context(), alice, "token", "1234")
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("expected %q; found %v", want, err)
		}
	}
	if err := os.Remove(s.dta); err != nil {
		t.Fatal(err)
	}
	if err := s.mustLogin(t.Context(), alice, "token", "1234"); err == nil || strings.Contains(err.Error(), "%!") {
		t.Errorf("a program that is not there: found %v", err)
	}
}
