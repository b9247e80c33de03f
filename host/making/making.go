// Package making tells a directory whose files were all made from one in which the
// making was cut short, by a kill or a power cut.
//
//	m, err := making.Begin(dir)     // an empty directory, before anything is made in it
//	err = m.Done()                  // once what was made is on disk
//	err = m.Undo("a", "b")          // or take away again what was made
//
//	state := making.Look(dir)       // before anything in it is opened
//
// While a process makes something, and after it was cut short, a file of this
// package lies in the directory. The process holds a lock on it.
package making

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/milagro-dta/dta/host/lockfile"
	"github.com/milagro-dta/dta/internal/durable"
)

// File is the name of the file in the directory.
const File = "unfinished"

// Making is under way. It is ended once, by Done, Undo or Leave.
type Making struct {
	dir  string
	lock *os.File
}

// Begin marks a directory, durably. It is [lockfile.Held] where another process makes
// something there.
func Begin(dir string) (*Making, error) {
	path := filepath.Join(dir, File)
	lock, err := lockfile.Take(path)
	if err != nil {
		return nil, err
	}
	m := &Making{dir, lock}
	mine, err := lock.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Lstat(path); err == nil && !os.SameFile(mine, there) || errors.Is(err, fs.ErrNotExist) {
			err = &lockfile.Held{Path: path} // another has made something, and ended, meanwhile
		}
	}
	if err == nil {
		err = durable.Directory(dir)
	}
	if err != nil {
		m.Leave()
		return nil, err
	}
	return m, nil
}

// Done says that all is made.
func (m *Making) Done() error {
	defer m.Leave()
	return Finish(m.dir)
}

// Undo removes what was made, each name with what lies below it.
func (m *Making) Undo(names ...string) error {
	defer m.Leave()
	var all []error
	for _, name := range names {
		all = append(all, os.RemoveAll(filepath.Join(m.dir, name)))
	}
	if err := errors.Join(all...); err != nil {
		return err // it stays marked
	}
	return Finish(m.dir)
}

// Leave ends the process's part, and leaves the directory as it is.
func (m *Making) Leave() { m.lock.Close() }

// Finish says that all is made in a directory, of which only the process that made
// it could not say so any more.
func Finish(dir string) error {
	err := os.Remove(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = durable.Directory(dir)
	}
	return err
}

// Look tells whether the making of something in a directory was begun and has not
// ended. The error is [lockfile.Held] while it is under way.
func Look(dir string) (unfinished bool, err error) {
	lock, err := lockfile.Share(filepath.Join(dir, File))
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", File, err)
	}
	if lock == nil {
		return false, nil
	}
	return true, lock.Close()
}
