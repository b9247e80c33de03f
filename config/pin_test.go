package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/milagro-dta/dta/config"
	"github.com/rogpeppe/go-internal/txtar"
)

var sum = bytes.Repeat([]byte{0xab}, 32)

// TestPinChangesOneOptionAndNothingElse reads testdata/pin.txtar, in which each
// NAME.hcl is followed by what it becomes, or by the error.
func TestPinChangesOneOptionAndNothingElse(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/pin.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		before, after := archive.Files[i], archive.Files[i+1]
		name := strings.TrimSuffix(before.Name, ".hcl")
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "node.hcl")
			if err := os.WriteFile(path, before.Data, 0o640); err != nil {
				t.Fatal(err)
			}
			err := config.Pin(path, "vault", sum)
			got, readErr := os.ReadFile(path)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if wrong, ok := strings.CutSuffix(after.Name, ".error"); ok && wrong == name {
				want := "pin plugin \"vault\" in PATH: " + strings.TrimSpace(string(after.Data))
				if err == nil || strings.ReplaceAll(err.Error(), path, "PATH") != want {
					t.Errorf("error: expected %q, found %q", want, err)
				}
				after.Data = before.Data
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(after.Data), string(got)); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("expected the mode to stay 0640, found %v (%v)", info.Mode(), err)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
				t.Errorf("temporary files left behind: %v", left)
			}
		})
	}
}

func TestPinFollowsASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "node.hcl"), filepath.Join(dir, "link.hcl")
	if err := os.WriteFile(file, []byte(rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("node.hcl", link); err != nil {
		t.Fatal(err)
	}
	if err := config.Pin(link, "vault", sum); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("expected the link to stay a link")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := load(t, string(text)).Plugins[0].SHA256; !bytes.Equal(got, sum) {
		t.Errorf("expected the checksum to be read back, found %x", got)
	}
}

func TestPinKeepsCarriageReturns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.hcl")
	before := strings.ReplaceAll(rest, "\n", "\r\n")
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := config.Pin(path, "vault", sum); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "\n") != strings.Count(string(text), "\r\n") || len(text) <= len(before) {
		t.Errorf("expected only CRLF line ends, found %q", text)
	}
}
