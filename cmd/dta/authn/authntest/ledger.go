package authntest

import (
	"os"
	"testing"

	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Ledger opens a server's ledger in a directory, and makes it where there is none.
func Ledger(t testing.TB, dir string, of ledger.Owner) *ledger.Ledger {
	t.Helper()
	// A test's temporary directory is for others to look into.
	if err := os.Chmod(dir, 0o700); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := ledger.Create(t.Context(), dir, of); err != nil && fault.Of(err) != fault.Conflict {
		t.Fatal(err)
	}
	l, err := ledger.Open(t.Context(), dir, of, ledger.Options{Attempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
