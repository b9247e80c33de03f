//go:build unix

package plugintest

import (
	"os"
	"syscall"
	"testing"
)

// shortDir is a private directory whose path leaves room for a socket's name: 108 bytes in all.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "dta-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// quit has a program of Go write down its goroutines, and end.
func quit(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }
