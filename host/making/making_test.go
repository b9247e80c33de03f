package making_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/host/making"
)

func begun(t *testing.T, dir string) *making.Making {
	t.Helper()
	m, err := making.Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "made"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestADirectoryIsMarkedUntilAllIsMade(t *testing.T) {
	dir := t.TempDir()
	want := func(when string, unfinished, busy bool) {
		t.Helper()
		found, err := making.Look(dir)
		_, held := errors.AsType[*lockfile.Held](err)
		if found != unfinished || held != busy || (err != nil) != busy {
			t.Errorf("%s: expected unfinished %t, held %t; found %t, %v", when, unfinished, busy, found, err)
		}
	}
	want("before", false, false)
	m := begun(t, dir)
	want("meanwhile", false, true)
	if _, err := making.Begin(dir); err == nil {
		t.Error("expected that nobody else begins meanwhile")
	}
	m.Leave()
	want("cut short", true, false)
	if err := begun(t, dir).Undo("made"); err != nil {
		t.Fatal(err)
	}
	want("undone", false, false)
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("undone: expected nothing; found %v, %v", list, err)
	}
	if err := begun(t, dir).Done(); err != nil {
		t.Fatal(err)
	}
	want("done", false, false)
	if err := making.Finish(dir); err != nil {
		t.Errorf("finished twice: %v", err)
	}
}
