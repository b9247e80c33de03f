// Package built gives tests the plugin programs as they are shipped.
package built

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Program builds a command of this module and returns its path.
func Program(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "github.com/milagro-dta/dta/cmd/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}
