//go:build linux

package rig

import (
	"os"
	"testing"

	"github.com/milagro-dta/dta/host/systest/loopback"
)

// directory makes a temporary one whose name is short enough for sockets in it.
func directory(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "rig-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

func address(tb testing.TB) string {
	tb.Helper()
	at, err := loopback.Address()
	if err != nil {
		tb.Fatal(err)
	}
	return at
}
