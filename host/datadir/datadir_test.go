package datadir_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/protocol/fault"
)

// another is a user who is not the one that runs the tests.
const another = 65534

// directory makes a directory with files; a name that ends in a slash is a directory.
func directory(t *testing.T, mode os.FileMode, files ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		path := filepath.Join(dir, name)
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.Mkdir(path, 0o700)
		} else {
			err = os.WriteFile(path, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

func within(t *testing.T, dir string, do func(dir string) error) string {
	t.Helper()
	if err := do(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOnlyANodesDirectoryIsOpened(t *testing.T) {
	given := func(dir string) error { // to another user, which only root can do
		if os.Geteuid() == 0 {
			return os.Chown(dir, another, another)
		}
		return os.Chmod(dir, 0o750)
	}
	for name, c := range map[string]struct {
		dir  string
		kind fault.Kind
		says string
	}{
		"a node's":                         {directory(t, 0o700, "node.db", "anchor", "node.db.lock", "run/"), "", ""},
		"a node's, with a file of others":  {directory(t, 0o700, "node.db", "notes"), "", ""},
		"none":                             {filepath.Join(t.TempDir(), "none"), fault.NotFound, "dta init, or with dta host --create"},
		"an empty one":                     {directory(t, 0o700), fault.NotFound, "dta init, or with dta host --create"},
		"one without its database":         {directory(t, 0o700, "anchor", "run/"), fault.Conflict, "the database node.db is missing beside anchor, run"},
		"one with a write-ahead log alone": {directory(t, 0o700, "node.db-wal"), fault.Conflict, "missing beside node.db-wal"},
		"one with a socket's name alone": {within(t, directory(t, 0o700), func(dir string) error {
			l, err := net.Listen("unix", filepath.Join(dir, "operator.sock"))
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}), fault.Conflict, "missing beside operator.sock"},
		"one with an empty database": {within(t, directory(t, 0o700, "node.db"), func(dir string) error {
			return os.Truncate(filepath.Join(dir, "node.db"), 0)
		}), fault.Conflict, "the database node.db is empty: "},
		"somebody's files":      {directory(t, 0o700, "a", "b", "c", "d"), fault.Invalid, `found "a", "b", "c" and 1 more in it`},
		"one open to all":       {directory(t, 0o777|os.ModeSticky, "node.db"), fault.Denied, "expected mode 0700, found 1777: name a directory of its own"},
		"somebody's, open":      {directory(t, 0o755, "notes"), fault.Denied, "found 0755: name a directory of its own"},
		"an empty one open":     {directory(t, 0o755), fault.Denied, "found 0755: if it is meant for a node alone, chmod 700 it"},
		"the root":              {"/", fault.Denied, "name a directory of its own in data_dir"},
		"the system's":          {"/etc", fault.Denied, "name a directory of its own in data_dir"},
		"everybody's":           {"/tmp", fault.Denied, "name a directory of its own in data_dir"},
		"a mount point":         {directory(t, 0o755, "lost+found/"), fault.Denied, "name a directory below it in data_dir"},
		"a private mount point": {directory(t, 0o700, "lost+found/"), fault.Invalid, "found the root of a file system: name a directory below it"},
		"a database with two names": {within(t, directory(t, 0o700, "node.db"), func(dir string) error {
			return os.Link(filepath.Join(dir, "node.db"), filepath.Join(t.TempDir(), "other"))
		}), fault.Denied, "node.db: expected a file with one name, found 2 hard links"},
		"a planted lock with two names": {within(t, directory(t, 0o700, "node.db"), func(dir string) error {
			precious := filepath.Join(t.TempDir(), "precious")
			if err := os.WriteFile(precious, nil, 0o600); err != nil {
				return err
			}
			return os.Link(precious, filepath.Join(dir, "node.db.lock"))
		}), fault.Denied, "node.db.lock: expected a file with one name"},
		"one to be read":    {directory(t, 0o755, "node.db"), fault.Denied, "expected mode 0700, found 0755"},
		"one not writable":  {directory(t, 0o500, "node.db"), fault.Denied, "expected mode 0700, found 0500"},
		"another user's":    {within(t, directory(t, 0o700, "node.db"), given), fault.Denied, "expected "},
		"a file":            {filepath.Join(directory(t, 0o700, "x"), "x"), fault.Invalid, "expected a directory, found a regular file"},
		"a link to nowhere": {within(t, filepath.Join(t.TempDir(), "l"), func(path string) error { return os.Symlink("nowhere", path) }), fault.Invalid, "a link that leads nowhere"},
		"a link of one's own": {within(t, filepath.Join(t.TempDir(), "l"), func(path string) error {
			return os.Symlink(directory(t, 0o700, "node.db"), path)
		}), "", ""},
		"another user's link": {within(t, filepath.Join(t.TempDir(), "l"), func(path string) error {
			target := directory(t, 0o700, "node.db")
			if os.Geteuid() != 0 {
				target = within(t, target, given)
			}
			if err := os.Symlink(target, path); err != nil || os.Geteuid() != 0 {
				return err
			}
			return os.Lchown(path, another, another)
		}), fault.Denied, "expected "},
		"one below a directory that others may write": {within(t, directory(t, 0o700, "node.db"), func(dir string) error {
			return os.Chmod(filepath.Dir(dir), 0o777)
		}), fault.Denied, "can be changed by others"},
		"a link to a link that others may replace": {within(t, filepath.Join(t.TempDir(), "l"), func(path string) error {
			open := filepath.Join(t.TempDir(), "open")
			if err := os.Mkdir(open, 0o700); err != nil {
				return err
			}
			second := filepath.Join(open, "second")
			if err := os.Symlink(directory(t, 0o700, "node.db"), second); err != nil {
				return err
			}
			if err := os.Chmod(open, 0o777); err != nil {
				return err
			}
			return os.Symlink(second, path)
		}), fault.Denied, "can be changed by others"},
		"a planted link as database": {within(t, directory(t, 0o700), func(dir string) error {
			return os.Symlink(filepath.Join(t.TempDir(), "precious"), filepath.Join(dir, "node.db"))
		}), fault.Denied, "expected a regular file, found a symbolic link"},
		"a planted link as lock": {within(t, directory(t, 0o700, "node.db"), func(dir string) error {
			return os.Symlink("/etc/passwd", filepath.Join(dir, "node.db.lock"))
		}), fault.Denied, "expected a regular file, found a symbolic link"},
		"a pipe as anchor": {within(t, directory(t, 0o700, "node.db"), func(dir string) error {
			return syscall.Mkfifo(filepath.Join(dir, "anchor"), 0o600)
		}), fault.Denied, "expected a regular file, found a special file"},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := os.Lstat(c.dir)
			err := datadir.Check(c.dir)
			if fault.Of(err) != c.kind || (err != nil && !strings.Contains(err.Error(), c.says)) {
				t.Errorf("expected %q, %q; found %v", c.kind, c.says, err)
			}
			if c.kind != "" && c.kind != fault.NotFound {
				if _, err := datadir.Make(c.dir); err == nil {
					t.Error("expected that no node is made there")
				}
			}
			if after, _ := os.Lstat(c.dir); before != nil && after.Mode() != before.Mode() {
				t.Errorf("expected that its mode stays %v; found %v", before.Mode(), after.Mode())
			}
		})
	}
}

func TestADirectoryForANewNodeIsMadeOrEmpty(t *testing.T) {
	parent := t.TempDir()
	for _, dir := range []string{filepath.Join(parent, "deep", "er"), directory(t, 0o700)} {
		made, err := datadir.Make(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: expected mode 0700; found %v, %v", dir, info.Mode(), err)
		}
		if err := datadir.Check(dir); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "a node is being made here (") {
			t.Errorf("expected that others wait; found %v", err)
		}
		if _, err := datadir.Make(dir); fault.Of(err) != fault.Unavailable {
			t.Errorf("expected that nobody else makes one meanwhile; found %v", err)
		}
		made.Leave()
		for what, err := range map[string]error{"a start": datadir.Check(dir), "another": again(dir)} {
			if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "was cut short, and nothing was acknowledged: remove what is in it") {
				t.Errorf("%s, after it was killed: expected that the making was cut short; found %v", what, err)
			}
		}
		if err := os.Remove(filepath.Join(dir, "unfinished")); err != nil {
			t.Fatal(err)
		}
		if made, err = datadir.Make(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "node.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := made.Discard(); err != nil {
			t.Fatal(err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("discarded: expected it to be empty; found %v, %v", list, err)
		}
	}
	if _, err := datadir.Make(directory(t, 0o700, "node.db")); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "a node was made here already") {
		t.Errorf("expected that a node's directory is no new one; found %v", err)
	}
	if _, err := datadir.Make(directory(t, 0o755)); fault.Of(err) != fault.Denied {
		t.Errorf("expected that a directory open to others is refused; found %v", err)
	}
}

func again(dir string) error {
	_, err := datadir.Make(dir)
	return err
}
