// Package ownership tells whether the permissions of a path let other users of this
// machine put another file or directory in its place: of a program that is about to
// be run, of a library that is about to be loaded, of a data directory.
//
//	f, err := ownership.Open("/usr/lib/dta/dta-plugin-pkcs11", 1<<30)
//	err = ownership.Check("/usr/lib/softhsm/libsofthsm2.so")
//	err = ownership.Check("/var/lib/dta")
//
// A file or directory passes when it, every symbolic link on the way to it, and
// every directory above each of them belong to root or to the user of this process,
// and nobody else may write them: no group either, for a group that has its owner's
// number may have other members. In a sticky directory, such as /tmp, others cannot
// replace what is not theirs, so it may be writable; a sticky directory that is
// itself checked passes, too, though others may add to it.
//
// That is all it tells. Of a directory, what lies in it is not looked at. Access
// control lists, mounts and capabilities are not looked at. What another user has
// open for writing since before the permissions were as they are stays open.
package ownership

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/milagro-dta/dta/internal/readfile"
)

// Check refuses, with an *Error, a path at which other users could exchange what
// lies there. Any other error is that of the file system.
func Check(path string) error { return us().check(path) }

// Open opens a regular file of at most limit bytes that passes Check, for
// reading. What is at the path may change later; the open file is the one that
// was checked.
func Open(path string, limit int64) (*os.File, error) { return us().open(path, limit) }

// Error says who could exchange what.
type Error struct {
	text     string
	writable []string // what others may write, where that is all that is wrong
}

func (e *Error) Error() string {
	if len(e.writable) == 0 {
		return e.text
	}
	return e.text + " " + strings.Join(e.writable, " ")
}

func refuse(format string, a ...any) error { return &Error{text: fmt.Sprintf(format, a...)} }

// writable refuses what others may write. The command that helps is the end of the
// text; further paths that it should name may be added.
func writable(path string, mode fs.FileMode) error {
	return &Error{
		text:     fmt.Sprintf("%s can be changed by others: expected no write permission for group and others, found %#o: run chmod go-w", path, mode),
		writable: []string{shell(path)},
	}
}

// shell is a path as a shell reads it.
func shell(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// user is the number of the user that may own things, beside root.
type user int

func us() user { return user(os.Geteuid()) }

// maxLinks is how many symbolic links the way to a file may have, as in Linux.
const maxLinks = 40

func (u user) check(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	at, links := string(filepath.Separator), 0
	var open *Error // all that others may write on the way, for one command to mend
	look := func(path string) error {
		err := u.look(path)
		refused, ok := errors.AsType[*Error](err)
		switch {
		case !ok || refused.writable == nil:
			return err
		case open == nil:
			open = refused
		case !slices.Contains(open.writable, refused.writable[0]):
			open.writable = append(open.writable, refused.writable[0])
		}
		return nil
	}
	if err := look(at); err != nil {
		return err
	}
	for names := parts(path); len(names) > 0; {
		name := names[0]
		names = names[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		if err := look(next); err != nil {
			return err
		}
		target, err := os.Readlink(next)
		if err != nil {
			at = next // no link
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		if filepath.IsAbs(target) {
			at = string(filepath.Separator)
		}
		names = slices.Concat(parts(target), names)
	}
	if open != nil {
		return open
	}
	return nil
}

// parts splits a path into the names that lead along it.
func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(path, string(filepath.Separator)), func(s string) bool { return s == "" || s == "." })
}

// look checks one link, directory or file on the way.
func (u user) look(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return u.owns(path, info)
}

func (u user) owns(path string, info fs.FileInfo) error {
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return refuse("%s: expected a file system that tells the owner of a file", path)
	}
	if sys.Uid != 0 && int(sys.Uid) != int(u) {
		return refuse("%s belongs to user %d, who can replace it: expected it to belong to root or to user %d, who runs this", path, sys.Uid, int(u))
	}
	mode := info.Mode()
	switch {
	case mode&fs.ModeSymlink != 0: // its mode says nothing
	case mode.IsDir() && mode&fs.ModeSticky != 0:
	case mode&0o022 != 0:
		return writable(path, mode.Perm())
	}
	return nil
}

func (u user) open(path string, limit int64) (*os.File, error) {
	if err := u.check(path); err != nil {
		return nil, err
	}
	f, err := readfile.Open(path, limit)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = u.owns(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
