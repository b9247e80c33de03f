//go:build linux

package rig

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
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

var given sync.Map

// address is a loopback address that stays free while a node is down: the
// kernel gives its port to nobody who does not ask for it.
func address(tb testing.TB) string {
	tb.Helper()
	for port := 20000 + os.Getpid()*7%10000; port < 32000; port++ {
		at := fmt.Sprintf("127.0.0.1:%d", port)
		if _, taken := given.LoadOrStore(at, true); taken {
			continue
		}
		l, err := net.Listen("tcp", at)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			tb.Fatal(err)
		}
		l.Close()
		return at
	}
	tb.Fatal("expected a free port below 32000, found none")
	return ""
}
