package anchor_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/protocol/dag"
)

func mark(size int64) anchor.Mark {
	return anchor.Mark{Size: size, Root: [32]byte{1, byte(size)}, Node: dag.Sum([]byte("node"))}
}

// written is an anchor file with marks up to a size, and its path.
func written(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), anchor.File)
	a, err := anchor.Create(path, mark(0))
	if err != nil {
		t.Fatal(err)
	}
	for i := range size {
		if err := a.Write(mark(i + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) (anchor.Mark, error) {
	t.Helper()
	a, m, err := anchor.Open(path)
	if err == nil {
		a.Close()
	}
	return m, err
}

func TestAnAnchorAttestsWhatWasWrittenLast(t *testing.T) {
	for size := range int64(4) {
		if m, err := open(t, written(t, size)); err != nil || m != mark(size) {
			t.Errorf("expected %v; found %v, %v", mark(size), m, err)
		}
	}
	a, _, err := anchor.Open(written(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Write(mark(2)); err != nil { // an accepted loss writes a smaller one
		t.Fatal(err)
	}
}

// TestATornWriteLeavesTheOneBefore: a changed byte anywhere costs at most the slot
// it lies in, and never makes up another mark.
func TestATornWriteLeavesTheOneBefore(t *testing.T) {
	path := written(t, 5)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range whole {
		torn := append([]byte{}, whole...)
		torn[at] ^= 0x11
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := open(t, path); err != nil || (m != mark(5) && m != mark(4)) {
			t.Fatalf("byte %d: expected the newest mark or the one before; found %v, %v", at, m, err)
		}
	}
	for _, size := range []int{0, 1, 511} {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, path); !errors.Is(err, anchor.ErrDamaged) {
			t.Errorf("cut at %d: expected a damaged one; found %v", size, err)
		}
	}
}

func TestAnAnchorThatIsMissingOrALinkIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), anchor.File)
	if _, err := open(t, path); !errors.Is(err, anchor.ErrMissing) {
		t.Errorf("expected a missing one; found %v", err)
	}
	if err := os.Symlink(written(t, 1), path); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path); err == nil {
		t.Error("expected that a link is not followed")
	}
}

func FuzzOpen(f *testing.F) {
	whole, err := os.ReadFile(written(f, 3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("dta-anchor/v1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), anchor.File)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := open(t, path); err == nil && (m.Size < 0 || !m.Node.Defined()) {
			t.Errorf("found %v", m)
		}
	})
}
