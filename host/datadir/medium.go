//go:build unix

package datadir

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
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

// readOnlyFlag is ST_RDONLY of Linux, MNT_RDONLY elsewhere.
const readOnlyFlag = 1

// Medium adds to an error of files in a directory what is wrong with its disk, where
// it is full or cannot be written, or with their permissions. Any other error stays
// as it is.
func Medium(dir string, err error) error {
	at, named := errors.AsType[*fs.PathError](err)
	if named && !onWay(full(dir), full(at.Path)) {
		return err // of a file elsewhere
	}
	code := -1
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		code = e.Code() & 0xff
	}
	unclear := code == codeIO || code == codeCantOpen
	noRoom, readOnly := false, false
	var disk unix.Statfs_t
	if unclear && unix.Statfs(dir, &disk) == nil {
		const little = 64 << 10
		noRoom, readOnly = disk.Bavail*uint64(disk.Bsize) < little, disk.Flags&readOnlyFlag != 0
	}
	switch {
	case code == codeFull, noRoom, errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Unavailable, "the disk is full: make room in the file system of %s: %w", full(dir), err)
	case code == codeReadOnly, readOnly, errors.Is(err, syscall.EROFS):
		return fault.New(fault.Unavailable, "the disk is read-only: mount the file system of %s so that it can be written: %w", full(dir), err)
	case named && (errors.Is(at, syscall.EPERM) || errors.Is(at, syscall.EACCES)):
		return fault.New(fault.Denied, "this user may not write what is in %s: look at its modes (ls -la) and attributes (lsattr): %w", full(dir), err)
	}
	return err
}

// onWay tells whether a path lies in a directory, or on the way to it.
func onWay(dir, path string) bool {
	const slash = string(filepath.Separator)
	dir, path = strings.TrimSuffix(dir, slash)+slash, strings.TrimSuffix(path, slash)+slash
	return strings.HasPrefix(path, dir) || strings.HasPrefix(dir, path)
}
