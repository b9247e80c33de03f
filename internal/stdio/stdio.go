// Package stdio tells a program whether its standard output was open when it was
// started. Go's runtime opens /dev/null in the place of a closed one, so that a
// program that was started with >&- writes into nothing and never learns of it.
package stdio

import (
	"io"
	"io/fs"
	"os"
	"syscall"
)

// extern int dta_stdout_closed;
import "C"

// Stdout is the standard output. Where the program was started without one every
// write fails.
func Stdout() io.Writer {
	if C.dta_stdout_closed != 0 {
		return closed{}
	}
	return os.Stdout
}

type closed struct{}

func (closed) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EBADF}
}
