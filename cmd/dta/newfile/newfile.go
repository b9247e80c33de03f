// Package newfile writes what was asked for into a file of its owner's alone. The
// place is prepared before anything is asked, so that nothing is issued or released
// that cannot be written:
//
//	place, err := newfile.New(path)
//	defer place.Discard()
//	…ask…
//	place.Write(text)
//
// The file is there as a whole or not at all, and on disk when Write returns.
package newfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Place is where a file is going to be written. Each is discarded in the end.
type Place struct {
	path    string
	replace bool
	temp    *os.File
}

// New prepares a file that must not exist.
func New(path string) (*Place, error) { return prepare(path, false) }

// Replace prepares a file that takes the place of another, if there is one.
func Replace(path string) (*Place, error) { return prepare(path, true) }

func prepare(path string, replace bool) (*Place, error) {
	if _, err := os.Lstat(path); !replace && err == nil {
		return nil, fault.New(fault.Invalid, "write %s: %w", path, os.ErrExist)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fault.New(fault.Invalid, "write %s: %w", path, err)
	}
	return &Place{path: path, replace: replace, temp: temp}, nil
}

// Write writes the file, down to the disk, and clears the text. The file is there
// as a whole or not at all.
func (p *Place) Write(text *secret.Bytes) (err error) {
	defer text.Clear()
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", p.path, err)
		}
	}()
	if _, err := p.temp.Write(text.Open()); err != nil {
		return err
	}
	if err := p.temp.Sync(); err != nil {
		return err
	}
	if err := p.temp.Close(); err != nil {
		return err
	}
	if err := p.move(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(p.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// move gives the file its name.
func (p *Place) move() error {
	if p.replace {
		return os.Rename(p.temp.Name(), p.path)
	}
	err := os.Link(p.temp.Name(), p.path)
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Invalid, "%w", os.ErrExist)
	}
	if err == nil {
		return os.Remove(p.temp.Name())
	}
	// A file system without links: who comes between loses what is there.
	if _, err := os.Lstat(p.path); err == nil {
		return fault.New(fault.Invalid, "%w", os.ErrExist)
	}
	return os.Rename(p.temp.Name(), p.path)
}

// Discard removes what was prepared and not written. It may be called after
// Write.
func (p *Place) Discard() {
	p.temp.Close()
	os.Remove(p.temp.Name())
}
