//go:build unix

package datadir

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Primary codes of SQLite's errors, https://sqlite.org/rescode.html.
const (
	codeReadOnly = 8
	codeIO       = 10
	codeFull     = 13
	codeCantOpen = 14
)

// Medium adds to an error of files in a directory what is wrong with its disk, where
// it is full or cannot be written, or with their permissions. Any other error stays
// as it is.
func Medium(dir string, err error) error {
	code := -1
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		code = e.Code() & 0xff
	}
	unclear := code == codeIO || code == codeCantOpen
	noRoom, readOnly := false, false
	var fs unix.Statfs_t
	if unclear && unix.Statfs(dir, &fs) == nil {
		const little = 64 << 10
		noRoom, readOnly = fs.Bavail*uint64(fs.Bsize) < little, fs.Flags&unix.ST_RDONLY != 0
	}
	switch {
	case code == codeFull, noRoom, errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Unavailable, "the disk is full: make room in the file system of %s: %w", full(dir), err)
	case code == codeReadOnly, readOnly, errors.Is(err, syscall.EROFS):
		return fault.New(fault.Unavailable, "the disk is read-only: mount the file system of %s so that it can be written: %w", full(dir), err)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fault.New(fault.Denied, "this user may not write what is in %s: look at its modes (ls -la) and attributes (lsattr): %w", full(dir), err)
	}
	return err
}
