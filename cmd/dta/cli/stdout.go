package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/term"
)

// stdout is the standard output through which every command prints. A write
// reports no failure; the first one is remembered, and the command that caused it
// fails, so that no command has to check its writes and none can forget to.
type stdout struct {
	w   io.Writer
	err error
}

func (o *stdout) Write(p []byte) (int, error) {
	if o.err == nil {
		_, o.err = o.w.Write(p)
	}
	return len(p), nil
}

// flush returns the first failure. A file is synced: a disk that is full or
// unreachable may accept a write and refuse it later.
func (o *stdout) flush() error {
	if o.err != nil {
		return o.err
	}
	f, ok := o.w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	// Some file systems cannot sync.
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		o.err = err
	}
	return o.err
}

func (o *stdout) isTerminal() bool {
	f, ok := o.w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// doneBut is an error after something was done. The answer is lost, and with it
// what the caller needs to know, so that the error says it.
type doneBut struct {
	done string
	error
}

func (d *doneBut) Error() string { return d.done + ", but: " + d.error.Error() }

func (d *doneBut) Unwrap() error { return d.error }

// but says in front of an error what was done. nil stays nil.
func but(err error, format string, done ...any) error {
	if err == nil {
		return nil
	}
	return &doneBut{fmt.Sprintf(format, done...), err}
}
