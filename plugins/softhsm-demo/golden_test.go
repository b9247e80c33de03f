package softhsmdemo_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	softhsmdemo "github.com/milagro-dta/dta/plugins/softhsm-demo"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

var makeGolden = flag.String("golden", "", "keep golden data of this `VERSION`, which must not be there yet")

// TestWhatWasKeptComesBack: a token's files, with what each rung kept in it, made by
// an earlier version once and never again. They stand for the deposits of pkcs11 too,
// which are the same.
func TestWhatWasKeptComesBack(t *testing.T) {
	if *makeGolden != "" {
		// A key's type makes no difference to a rung.
		for rung, types := range map[string][]keytype.Type{"gcm": keytype.All, "hmac-derive": nil} {
			dir, err := filepath.Abs(filepath.Join("testdata", "golden", *makeGolden, rung))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			plugintest.MakeGolden(t, goldenConfig(filepath.Join(dir, "realm"), rung), filepath.Join(dir, "kept.json"), types...)
			// It names a path of this machine, and is made anew at each start.
			if err := os.Remove(filepath.Join(dir, "realm", "softhsm2.conf")); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept, err := filepath.Glob("testdata/golden/*/*/kept.json")
	if err != nil || len(kept) < 2 {
		t.Fatalf("expected golden data of two rungs; found %d, %v", len(kept), err)
	}
	for _, file := range kept {
		dir := filepath.Dir(file)
		t.Run(filepath.ToSlash(dir), func(t *testing.T) {
			realm := filepath.Join(t.TempDir(), "realm")
			if err := os.CopyFS(realm, os.DirFS(filepath.Join(dir, "realm"))); err != nil {
				t.Fatal(err)
			}
			if err := private(realm); err != nil {
				t.Fatal(err)
			}
			plugintest.Golden(t, goldenConfig(realm, filepath.Base(dir)), file)
		})
	}
}

func goldenConfig(realm, rung string) plugintest.Config {
	return plugintest.Config{Plugin: softhsmdemo.Plugin(), Block: fmt.Sprintf("directory = %q\nrung = %q\n", realm, rung)}
}

// private gives the files the modes that they had, which a version control system does
// not keep.
func private(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}
