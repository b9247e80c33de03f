package softhsmdemo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

// TestADirectoryThatSoftHSMWouldCutIsRefused: by its own name, its parents', the working directory's or a link's. No
// key lands beside it.
func TestADirectoryThatSoftHSMWouldCutIsRefused(t *testing.T) {
	for _, name := range []string{"a=b", "a#b", "a\nb", "a\rb", "a\tb", "=", "#", strings.Repeat("x", 200) + "/" + strings.Repeat("y", 200) +
		"/" + strings.Repeat("z", 200) + "/" + strings.Repeat("v", 200) + "/" + strings.Repeat("w", 200)} {
		for how, place := range map[string]func(*testing.T, string) string{
			"by name":          func(_ *testing.T, dir string) string { return dir },
			"below":            func(_ *testing.T, dir string) string { return filepath.Join(dir, "hsm") },
			"as a working one": func(t *testing.T, dir string) string { must(t, os.MkdirAll(dir, 0o700)); t.Chdir(dir); return "./hsm" },
			"by a link": func(t *testing.T, dir string) string {
				must(t, os.MkdirAll(dir, 0o700))
				link := filepath.Join(t.TempDir(), "link")
				must(t, os.Symlink(dir, link))
				return link
			},
		} {
			t.Run(how, func(t *testing.T) {
				parent := t.TempDir()
				directory := place(t, filepath.Join(parent, name))
				found := (&Config{Directory: directory}).check()
				if len(found) != 1 || found[0].Attribute != "directory" || !strings.Contains(found[0].Detail, "expected a path") {
					t.Errorf("%.20q: expected one problem of the directory, found %v", name, found)
				}
				if _, err := open(directory); fault.Of(err) != fault.Invalid {
					t.Errorf("%.20q: expected invalid, found %v", name, err)
				}
				_ = filepath.Walk(parent, func(path string, info os.FileInfo, err error) error {
					if err == nil && info.Mode().IsRegular() {
						t.Errorf("%.20q: a file was made: %s", name, path)
					}
					return err
				})
			})
		}
	}
}

// TestOddNamesThatSoftHSMTakesHoldTheKeys also has a link whose own name would be cut.
func TestOddNamesThatSoftHSMTakesHoldTheKeys(t *testing.T) {
	real := filepath.Join(t.TempDir(), " a;b 'c\" é% ")
	must(t, os.Mkdir(real, 0o700))
	link := filepath.Join(t.TempDir(), "a=b")
	must(t, os.Symlink(real, link))
	mustClose(t, mustOpen(t, link))
	if keys, err := filepath.Glob(filepath.Join(real, "token", "objects", "*", "token.object")); err != nil || len(keys) != 1 {
		t.Errorf("expected the token in %s, found %v, %v", real, keys, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
