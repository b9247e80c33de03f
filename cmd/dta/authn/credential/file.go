package credential

import (
	"fmt"
	"io"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/internal/readfile"
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
	f, err := readfile.Open(path, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: expected to be readable by its owner alone (0600); found %#o: run chmod 600, and think of who may have read it", path, mode)
	}
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(f, text); err != nil {
		secret.Clear(text)
		return nil, err
	}
	return secret.New(text), nil
}
