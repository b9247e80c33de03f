package supervisor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

// TestARuntimeDirectoryIsThisUsersAlone: another user's, made first under a name that can be foretold, would have
// this user sweep whatever its links lead to.
func TestARuntimeDirectoryIsThisUsersAlone(t *testing.T) {
	home := t.TempDir()
	precious := filepath.Join(home, "dta-1")
	own, shared, group, linked := filepath.Join(home, "own"), filepath.Join(home, "shared"), filepath.Join(home, "group"), filepath.Join(home, "linked")
	for _, dir := range []string{precious, own, shared, group} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(shared, 0o777), os.Chmod(group, 0o770)); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{linked: own, filepath.Join(shared, "p00000000"): precious} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	for name, dir := range map[string]string{"that others can write": shared, "that a group can write": group, "behind a link": linked} {
		if err := Sweep(dir); fault.Of(err) != fault.Denied {
			t.Errorf("one %s: expected that it is not swept; found %v", name, err)
		}
		if d, err := makeRunDir(dir); fault.Of(err) != fault.Denied {
			t.Errorf("one %s: expected that it is not used; found %v, %v", name, d, err)
		}
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("what a link of another's led to is gone: %v", err)
	}
	if err := checkOwn(own, os.Geteuid()+1); fault.Of(err) != fault.Denied {
		t.Errorf("another user's: expected that it is not used; found %v", err)
	}
	if err := checkOwn(own, os.Geteuid()); err != nil {
		t.Error(err)
	}
}

// TestOnlyATemporaryDirectoryOfALaunchIsSweptBehindALink, not one that happens to begin like it.
func TestOnlyATemporaryDirectoryOfALaunchIsSweptBehindALink(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(t.TempDir(), "dta-data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(data, filepath.Join(dir, "p00000000")); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(data); err != nil {
		t.Errorf("a directory that no launch has made was swept: %v", err)
	}
}
