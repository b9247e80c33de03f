package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/config"
)

func TestProgramsAreFoundBesideTheExecutableFirst(t *testing.T) {
	program := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(path) })
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	const name = "dta-plugin-for-a-test"
	beside, along := filepath.Join(filepath.Dir(self), name), filepath.Join(dir, name)

	if _, err := config.FindProgram(name); err == nil || !strings.Contains(err.Error(), "nor along PATH") {
		t.Errorf("nowhere: found error %v", err)
	}
	program(along, 0o755)
	if got, err := config.FindProgram(name); err != nil || got != along {
		t.Errorf("along PATH: found %s, %v", got, err)
	}
	program(beside, 0o755)
	if got, err := config.FindProgram(name); err != nil || got != beside {
		t.Errorf("beside: found %s, %v", got, err)
	}
	if got, err := config.FindProgram(along); err != nil || got != along {
		t.Errorf("a path: found %s, %v", got, err)
	}
	program(filepath.Join(dir, "text"), 0o644)
	if _, err := config.FindProgram(filepath.Join(dir, "text")); err == nil {
		t.Error("expected a file that may not be run to be refused")
	}
	if _, err := config.FindProgram(dir); err == nil {
		t.Error("expected a directory to be refused")
	}
}
