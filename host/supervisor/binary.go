package supervisor

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Digest returns the SHA-256 of a regular file in hex. It does not wait for a writer where a pipe lies in its place.
func Digest(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fault.New(fault.NotFound, "reading the program: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("reading the program: %w", err)
	}
	if !st.Mode().IsRegular() {
		return "", fault.New(fault.Invalid, "reading the program: expected a regular file at %s, found %s", path, st.Mode())
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading the program: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// NotPinned says that another program than the pinned one is in its place.
type NotPinned struct {
	Path            string
	Expected, Found string // SHA-256 in hex
}

func (e *NotPinned) Error() string {
	return fmt.Sprintf("%s is not the pinned program: expected sha256 %s, found %s", e.Path, e.Expected, e.Found)
}

// inspect finds the program, checks who may write it and that it is the pinned one. The digest is returned also
// when it is wrong.
func inspect(s Spec) (path, digest string, err error) {
	if path, err = filepath.Abs(s.Command); err != nil {
		return s.Command, "", fault.New(fault.NotFound, "looking for the program %q: %w", s.Command, err)
	}
	if err = checkWriters(path); err != nil {
		return path, "", err
	}
	if digest, err = Digest(path); err != nil {
		return path, "", err
	}
	if s.SHA256 != "" && subtle.ConstantTimeCompare([]byte(s.SHA256), []byte(digest)) != 1 {
		return path, digest, fault.New(fault.Denied, "%w", &NotPinned{Path: path, Expected: s.SHA256, Found: digest})
	}
	return path, digest, nil
}

// checkWriters refuses a program that others than its owner may change. A group with the number of the owner is the
// owner's private group: with a umask of 002, which many systems set, a fresh build is writable by it.
func checkWriters(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return fault.New(fault.NotFound, "looking for the program: %w", err)
	}
	mode := st.Mode().Perm()
	shared := true
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		shared = sys.Uid != sys.Gid
	}
	if mode&0o002 != 0 || (mode&0o020 != 0 && shared) {
		return fault.New(fault.Denied, "%s can be changed by others: expected a mode without write permission for group and others, found %#o", path, mode)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fault.New(fault.NotFound, "looking for the program: %w", err)
	}
	// Behind a link it is enough to exchange what the link leads to.
	for _, path := range []string{path, real} {
		dir, err := os.Stat(filepath.Dir(path))
		if err != nil {
			return fault.New(fault.NotFound, "looking for the program: %w", err)
		}
		if dir.Mode().Perm()&0o002 != 0 && dir.Mode()&os.ModeSticky == 0 {
			return fault.New(fault.Denied, "%s can be exchanged by anyone: expected a directory that others cannot write, found %#o", path, dir.Mode().Perm())
		}
	}
	return nil
}
