package datadir_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/protocol/fault"
)

// coded is an error of SQLite's.
type coded int

func (c coded) Error() string { return fmt.Sprintf("code %d", int(c)) }
func (c coded) Code() int     { return int(c) }

func TestAnErrorOfTheDiskSaysWhatHelps(t *testing.T) {
	dir := t.TempDir()
	path := func(err error) error { return &fs.PathError{Op: "open", Path: filepath.Join(dir, "node.db"), Err: err} }
	for _, c := range []struct {
		err  error
		kind fault.Kind
		says string
	}{
		{path(syscall.ENOSPC), fault.Unavailable, "the disk is full: make room in the file system of /"},
		{path(syscall.EDQUOT), fault.Unavailable, "the disk is full"},
		{fault.New(fault.Unavailable, "commit: %w", coded(13)), fault.Unavailable, "the disk is full"},
		{path(syscall.EROFS), fault.Unavailable, "the disk is read-only: mount"},
		{coded(8 | 1<<8), fault.Unavailable, "the disk is read-only"},
		{path(syscall.EPERM), fault.Denied, "lsattr"},
		{coded(10), fault.Internal, "code 10"}, // of a disk that has room and can be written
		{&fs.PathError{Op: "fork/exec", Path: "/usr/bin/plugin", Err: syscall.EACCES}, fault.Internal, "plugin: permission denied"},
		{errors.New("another"), fault.Internal, "another"},
	} {
		if err := datadir.Medium(dir, c.err); fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.says) || !errors.Is(err, c.err) {
			t.Errorf("%v: expected %s, %q; found %s, %v", c.err, c.kind, c.says, fault.Of(err), err)
		}
	}
	if err := datadir.Medium(t.TempDir(), nil); err != nil {
		t.Errorf("expected nil; found %v", err)
	}
}
