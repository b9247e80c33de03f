package kubotest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Binary is the path of the Kubo program: $DTA_KUBO, or .tools/ipfs or bin/ipfs
// at the root of the repository. Without it the test fails.
func Binary(t testing.TB) string {
	t.Helper()
	var places []string
	if path := os.Getenv("DTA_KUBO"); path != "" {
		places = append(places, path)
	}
	if root := root(); root != "" {
		places = append(places, filepath.Join(root, ".tools", "ipfs"), filepath.Join(root, "bin", "ipfs"))
	}
	for _, path := range places {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path
		}
	}
	t.Fatalf("there is no Kubo program at %v: run `make kubo`, or name one in $DTA_KUBO", places)
	return ""
}

// root is the directory of the main module.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module github.com/milagro-dta/dta\n")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}
