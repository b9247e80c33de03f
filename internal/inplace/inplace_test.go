package inplace_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/internal/inplace"
)

// opened makes two files and keeps them open until close is called.
func opened(t *testing.T) (dir string, close func()) {
	t.Helper()
	dir = t.TempDir()
	var all []*os.File
	for _, name := range []string{"db", "log"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	close = func() {
		for _, f := range all {
			f.Close()
		}
	}
	t.Cleanup(close)
	return dir, close
}

func watch(dir string) *inplace.Watch {
	return inplace.New(dir, inplace.File{Name: "db"}, inplace.File{Name: "log", Remade: true})
}

func TestAFileIsInPlaceWhileItsNameLeadsToIt(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"moved": func(path string) error { return os.Rename(path, path+".away") },
		"replaced": func(path string) error {
			if err := os.Rename(path, path+".away"); err != nil {
				return err
			}
			return os.WriteFile(path, nil, 0o600)
		},
		"behind a link": func(path string) error {
			if err := os.Rename(path, path+".away"); err != nil {
				return err
			}
			return os.Symlink(path+".away", path)
		},
	} {
		for _, of := range []string{"db", "log"} {
			t.Run(of+" "+name, func(t *testing.T) {
				dir, _ := opened(t)
				w, path := watch(dir), filepath.Join(dir, of)
				if found := w.Missing(); found != nil {
					t.Fatalf("expected none; found %v", found)
				}
				if err := take(path); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if diff := cmp.Diff([]string{of}, w.Missing()); diff != "" {
						t.Fatal(diff)
					}
				}
				if err := os.Rename(path+".away", path); err != nil {
					t.Fatal(err)
				}
				if found := w.Missing(); found != nil {
					t.Errorf("put back: expected none; found %v", found)
				}
			})
		}
	}
}

func TestAFileThatTheProcessHasClosedMayBeMadeAgain(t *testing.T) {
	dir, close := opened(t)
	w := watch(dir)
	close()
	path := filepath.Join(dir, "log")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if found := w.Missing(); found != nil {
		t.Errorf("removed: expected none; found %v", found)
	}
	again, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if found := w.Missing(); found != nil {
		t.Errorf("made again: expected none; found %v", found)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"log"}, w.Missing()); diff != "" {
		t.Error(diff)
	}
}

func TestAFileThatWasReplacedBeforeItWasWatchedIsMissing(t *testing.T) {
	dir, _ := opened(t)
	path := filepath.Join(dir, "db")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"db"}, watch(dir).Missing()); diff != "" {
		t.Error(diff)
	}
}
