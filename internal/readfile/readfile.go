// Package readfile reads the files that a configuration names: within a bound, and
// without waiting for what nobody writes.
package readfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrNotRegular: a directory, a device or a pipe, which might not end.
var ErrNotRegular = errors.New("it is not a regular file")

// TooLarge is the error of a file of more bytes than this.
type TooLarge int64

func (t TooLarge) Error() string {
	if t%1024 == 0 {
		return fmt.Sprintf("it has more than %d KiB", t/1024)
	}
	return fmt.Sprintf("it has more than %d bytes", t)
}

// Regular reads a regular file of at most limit bytes. The error is an
// *fs.PathError around what the system says, ErrNotRegular or a TooLarge.
func Regular(path string, limit int64) ([]byte, error) {
	f, err := Open(path, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return all(f, limit)
}

// Check gives the error of Regular and reads nothing.
func Check(path string, limit int64) error {
	f, err := Open(path, limit)
	if err != nil {
		return err
	}
	return f.Close()
}

// Bounded reads a file of any kind, of at most limit bytes: what a person names
// at a terminal may be a pipe, and is waited for.
func Bounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return all(f, limit)
}

// Open opens a file that Regular would read, and reads nothing yet: it may have
// grown when it is read.
func Open(path string, limit int64) (*os.File, error) {
	// Without O_NONBLOCK this would wait for a pipe's writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	case info.Size() > limit:
		err = &fs.PathError{Op: "read", Path: path, Err: TooLarge(limit)}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// all reads to the end: some files, as those of /proc, do not say how long they are.
func all(f *os.File, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: TooLarge(limit)}
	}
	return text, nil
}
