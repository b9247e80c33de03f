package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/host/making"
	"github.com/milagro-dta/dta/internal/ownership"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Files of a ledger, in the directory of the state.
const (
	file     = "logins.db"
	walFile  = file + "-wal"
	shmFile  = file + "-shm"
	lockFile = file + ".lock"
)

var files = []string{file, walFile, shmFile, file + "-journal", lockFile, anchor.File, anchor.File + ".new", making.File}

// private refuses a directory that is another user's, or that others can look
// into, or that is reached by a link of another's; likewise files in it. A missing
// directory is fs.ErrNotExist.
func private(dir string) error {
	link, err := os.Lstat(dir)
	if err != nil {
		return fault.New(fault.Invalid, "the server's state: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fault.New(fault.Invalid, "the server's state: %w", err)
	}
	owner, ok := ownerOf(link)
	if !info.IsDir() || !ours(info) || !ok || owner != 0 && owner != os.Geteuid() {
		return fault.New(fault.Denied, "the server's state %s: expected a directory of this user (%d) that nobody else can open (mode 0700); found %s of user %s",
			dir, os.Geteuid(), info.Mode(), userOf(info))
	}
	if err := ownership.Check(dir); err != nil {
		return fault.New(fault.Denied, "the server's state %s: %w", dir, err)
	}
	for _, name := range files {
		info, err := os.Lstat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fault.New(fault.Unavailable, "the server's state: %w", err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && stat.Nlink > 1 {
			return fault.New(fault.Denied, "the server's state %s: expected %s to have one name, found %d hard links: put a copy of it in its place, so that nothing is written through another name", dir, name, stat.Nlink)
		}
		if !info.Mode().IsRegular() || !ours(info) {
			return fault.New(fault.Denied, "the server's state %s: expected %s to be a file of this user (%d) that nobody else can open (mode 0600); found %s of user %s",
				dir, name, os.Geteuid(), info.Mode(), userOf(info))
		}
	}
	return nil
}

func ownerOf(info fs.FileInfo) (int, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

func userOf(info fs.FileInfo) string {
	if owner, ok := ownerOf(info); ok {
		return fmt.Sprint(owner)
	}
	return "unknown"
}

// ours tells whether something belongs to this user, and to nobody else.
func ours(info fs.FileInfo) bool {
	owner, ok := ownerOf(info)
	return ok && owner == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}

// there refuses a directory without a database: one that has never had a ledger,
// and one that has lost its.
func there(dir string) error {
	none := fault.New(fault.NotFound, "open the server's state: no server has kept any in %s; dta mpin server --create makes it", dir)
	err := private(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return none
	}
	if err != nil {
		return err
	}
	if err := whole(dir); err != nil {
		return err
	}
	found := "missing"
	info, err := os.Stat(filepath.Join(dir, file))
	switch {
	case err == nil && info.Size() > 0:
		return nil
	case err == nil:
		found = "empty"
	case !errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Unavailable, "open the server's state: %w", err)
	}
	left, err := leavings(dir)
	if err != nil {
		return fault.New(fault.Unavailable, "open the server's state: %w", err)
	}
	if len(left) == 0 {
		return none
	}
	return fault.New(fault.Conflict, "the server's state %s: expected %s, which is %s beside %v: put it back; "+
		"dta mpin server --create makes another, in an empty directory only, and forgets who is locked", dir, file, found, left)
}

// leavings are the names of a ledger's files that lie in a directory.
func leavings(dir string) (all []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if slices.Contains(files, e.Name()) {
			all = append(all, e.Name())
		}
	}
	return all, err
}
