package readfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/milagro-dta/dta/internal/readfile"
)

func TestARegularFileWithinTheBoundIsRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int{"empty": 0, "full": 8, "larger": 9} {
		if err := os.WriteFile(at(name), []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(syscall.Mkfifo(at("pipe"), 0o600), os.Symlink(at("full"), at("link"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		at("empty"): nil, at("full"): nil, at("link"): nil,
		at("larger"):  readfile.TooLarge(8),
		at("pipe"):    readfile.ErrNotRegular,
		dir:           readfile.ErrNotRegular,
		"/dev/zero":   readfile.ErrNotRegular,
		at("missing"): fs.ErrNotExist,
	} {
		text, err := readfile.Regular(path, 8)
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: expected %v; found %q, %v", path, want, text, err)
		}
		if _, named := errors.AsType[*fs.PathError](err); err != nil && !named {
			t.Errorf("%s: expected an error with the path; found %v", path, err)
		}
		if err := readfile.Check(path, 8); !errors.Is(err, want) {
			t.Errorf("%s: checked without reading: expected %v; found %v", path, want, err)
		}
	}
}

func TestWhatAPersonNamesMayBeAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{"12345678": nil, "123456789": readfile.TooLarge(8)} {
		wrote := make(chan error)
		go func() { wrote <- os.WriteFile(pipe, []byte(text), 0) }()
		got, err := readfile.Bounded(pipe, 8)
		if !errors.Is(err, want) || err == nil && string(got) != text {
			t.Errorf("%q: expected %v; found %q, %v", text, want, got, err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	}
}

func TestABoundIsTold(t *testing.T) {
	for limit, want := range map[readfile.TooLarge]string{64 << 10: "it has more than 64 KiB", 100: "it has more than 100 bytes"} {
		if got := limit.Error(); got != want {
			t.Errorf("expected %q; found %q", want, got)
		}
	}
}
