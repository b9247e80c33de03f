package credential

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// readFile reads a file, of at most limit bytes, and parses it.
func readFile[T any](what, path string, limit int64, parse func(text []byte) (*T, error)) (*T, error) {
	text, err := read(path, limit)
	if err != nil {
		return nil, fault.New(fault.Invalid, "read the %s: %w", what, err)
	}
	defer text.Clear()
	v, err := parse(text.Open())
	if err != nil {
		return nil, fault.New(fault.Invalid, "read the %s %s: %w", what, path, err)
	}
	return v, nil
}

// read reads a file that its owner alone may read, of at most limit bytes.
func read(path string, limit int64) (*secret.Bytes, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: expected a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: expected to be readable by its owner alone (0600); found %#o: run chmod 600, and think of who may have read it", path, mode)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: expected at most %d bytes; found %d", path, limit, info.Size())
	}
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(f, text); err != nil {
		secret.Clear(text)
		return nil, err
	}
	return secret.New(text), nil
}

// Place is where a file is going to be written.
type Place struct {
	path    string
	replace bool
	temp    *os.File
}

// NewFile prepares a file that must not exist, so that what cannot be written is
// known before anything secret is asked for.
func NewFile(path string) (*Place, error) { return prepare(path, false) }

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
	if err := p.move(); err != nil {
		return err
	}
	p.temp.Close()
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
