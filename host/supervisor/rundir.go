package supervisor

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	// maxSocketPath is the size of sun_path without its final zero.
	maxSocketPath = 107
	// socketName leaves room for the name a plugin gives its socket; go-plugin's has at most 16 bytes.
	socketName = len("/plugin4294967295-1234567")

	tempPrefix = "dta-"
)

var (
	runName  = regexp.MustCompile(`^p[0-9a-f]{8}$`)
	tempName = regexp.MustCompile(`^` + tempPrefix + `[0-9]+$`) // as os.MkdirTemp makes them
)

// runDir is the private directory of one launch. Its lock file beside it says that a host is alive that uses it:
//
//	<base>/p1a2b3c4d.lock    locked (flock) while the launch lives
//	<base>/p1a2b3c4d         the directory, or a link to it in the temporary directory where base is too long
type runDir struct {
	path string // where the plugin makes its socket
	link string // the link to it; empty where there is none
	lock *os.File
}

func makeRunDir(base string) (*runDir, error) {
	base, err := filepath.Abs(base)
	if err == nil {
		err = os.MkdirAll(base, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("making the runtime directory: %w", err)
	}
	if err := checkOwn(base, os.Geteuid()); err != nil {
		return nil, err
	}
	entry, lock, err := lockEntry(base)
	if err != nil {
		return nil, fmt.Errorf("making a directory for the plugin's socket: %w", err)
	}
	d := &runDir{path: entry, lock: lock}
	if len(entry)+socketName <= maxSocketPath {
		err = os.Mkdir(entry, 0o700)
	} else if d.path, err = os.MkdirTemp("", tempPrefix); err == nil {
		d.link = entry
		err = os.Symlink(d.path, entry)
	}
	if err == nil && len(d.path)+socketName > maxSocketPath {
		err = fmt.Errorf("expected a path of at most %d bytes for a socket, found %s", maxSocketPath-socketName, d.path)
	}
	if err != nil {
		d.remove()
		return nil, fmt.Errorf("making a directory for the plugin's socket: %w", err)
	}
	return d, nil
}

// checkOwn refuses a directory that another user has made or may write: under the temporary directory anyone can be
// the first to use a name, and what is found in it would be swept with this user's rights.
func checkOwn(dir string, user int) error {
	st, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("looking at the runtime directory: %w", err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !st.IsDir() || !ok || int(sys.Uid) != user || st.Mode()&0o022 != 0 {
		return fault.New(fault.Denied, "runtime directory %s: expected a directory of this user (%d) that nobody else can write (chmod go-w); found %s", dir, user, st.Mode())
	}
	return nil
}

// lockEntry takes a name that nobody uses, and its lock.
func lockEntry(base string) (entry string, lock *os.File, err error) {
	for range 8 {
		var random [4]byte
		if _, err := rand.Read(random[:]); err != nil {
			return "", nil, err
		}
		entry = filepath.Join(base, "p"+hex.EncodeToString(random[:]))
		lock, err = os.OpenFile(entry+".lock", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			// A sweep may have taken the file between its making and its locking.
			if _, err := os.Stat(entry + ".lock"); err == nil {
				return entry, lock, nil
			}
		}
		lock.Close()
	}
	return "", nil, fmt.Errorf("expected a free name in %s, found none", base)
}

func (d *runDir) remove() {
	os.RemoveAll(d.path)
	if d.link != "" {
		os.Remove(d.link)
	}
	os.Remove(d.lock.Name())
	d.lock.Close()
}

// Sweep removes from a runtime directory what launches of dead hosts left: sockets, their directories, locks.
// Launches of living hosts, and whatever else is there, stay. A directory that does not exist is swept.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweeping the runtime directory: %w", err)
	}
	if err := checkOwn(dir, os.Geteuid()); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".lock")
		if !runName.MatchString(name) || seen[name] {
			continue
		}
		seen[name] = true
		err = errors.Join(err, sweepEntry(filepath.Join(dir, name)))
	}
	if err != nil {
		return fmt.Errorf("sweeping the runtime directory: %w", err)
	}
	return nil
}

func sweepEntry(entry string) error {
	lock, err := os.OpenFile(entry+".lock", os.O_RDWR, 0)
	switch {
	case err == nil:
		defer lock.Close()
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			return nil // in use
		}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if target, err := os.Readlink(entry); err == nil && tempName.MatchString(filepath.Base(target)) {
		if err := os.RemoveAll(target); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(entry); err != nil {
		return err
	}
	if lock != nil {
		return os.Remove(lock.Name())
	}
	return nil
}
