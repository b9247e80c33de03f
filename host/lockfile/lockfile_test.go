//go:build unix

package lockfile_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/host/lockfile"
)

func take(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := lockfile.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func held(t *testing.T, path string) lockfile.Held {
	t.Helper()
	_, err := lockfile.Take(path)
	held, ok := errors.AsType[*lockfile.Held](err)
	if !ok {
		t.Fatalf("expected it to be held; found %v", err)
	}
	return *held
}

func TestWhatIsLockedIsRefusedAndNamesWhoHasIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first := take(t, path)
	got := held(t, path)
	if d := cmp.Diff(lockfile.Held{Path: path, PID: os.Getpid()}, got); d != "" {
		t.Error(d)
	}
	first.Close()
	take(t, path)
}

func TestTheFileIsTheOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	info, err := take(t, path).Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("expected 0600; found %v, %v", info.Mode(), err)
	}
}

func TestAHolderThatDoesNotSayWhoItIsHoldsIt(t *testing.T) {
	for _, text := range []string{"", "nobody", "-7", "99999999999999999999999999999999999999"} {
		path := filepath.Join(t.TempDir(), "lock")
		f := take(t, path)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := held(t, path); got.PID != 0 || got.Error() != path+" is locked" {
			t.Errorf("%q: found %v", text, got)
		}
		f.Close()
	}
}

func TestWhatAShorterIDOverwritesIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(path, []byte("4194304000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	take(t, path)
	if got := held(t, path); got.PID != os.Getpid() {
		t.Errorf("expected %d; found %d", os.Getpid(), got.PID)
	}
}

func TestWhereNoFileCanBeNothingIsLocked(t *testing.T) {
	if _, err := lockfile.Take(filepath.Join(t.TempDir(), "none", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("expected that it does not exist; found %v", err)
	}
}

const killed = "DTA_LOCK_AND_BE_KILLED"

func TestALockEndsWithItsProcess(t *testing.T) {
	if path := os.Getenv(killed); path != "" {
		take(t, path)
		os.Stdout.WriteString("taken\n")
		select {}
	}
	path := filepath.Join(t.TempDir(), "lock")
	other := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	other.Env = append(os.Environ(), killed+"="+path)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Error(err)
	}
	if got := held(t, path); got.PID != other.Process.Pid {
		t.Errorf("expected process %d; found %d", other.Process.Pid, got.PID)
	}
	if err := other.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = other.Wait()
	take(t, path)
}
