package newfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestANewFileTakesNoOthersPlace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	first, err := newfile.New(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := newfile.New(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Write(secret.Copy([]byte("first"))); err != nil {
		t.Fatal(err)
	}
	if err := second.Write(secret.Copy([]byte("second"))); !errors.Is(err, fs.ErrExist) || fault.Of(err) != fault.Invalid {
		t.Errorf("found %v", err)
	}
	first.Discard()
	second.Discard()
	if _, err := newfile.New(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("found %v", err)
	}
	dangling := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	if _, err := newfile.New(dangling); !errors.Is(err, fs.ErrExist) {
		t.Errorf("through a link: found %v", err)
	}
	third, err := newfile.Replace(path)
	if err != nil {
		t.Fatal(err)
	}
	third.Discard()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("found %v, %v", info.Mode(), err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "first" {
		t.Errorf("found %q, %v", text, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("expected the file and the link; found %v, %v", files, err)
	}
	if _, err := newfile.New(filepath.Join(dir, "no", "where")); fault.Of(err) != fault.Invalid {
		t.Errorf("found %v", err)
	}
}

func TestAReplacedFileIsTheOldOneUntilItIsTheNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	place, err := newfile.Replace(path)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Discard()
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
		t.Errorf("prepared: found %q, %v", text, err)
	}
	text := secret.Copy([]byte("new"))
	if err := place.Write(text); err != nil || text.Len() != 0 {
		t.Errorf("expected the text to be cleared; found %d bytes, %v", text.Len(), err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "new" {
		t.Errorf("written: found %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("found %v, %v", info.Mode(), err)
	}
}
