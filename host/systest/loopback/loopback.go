// Package loopback gives tests addresses that nobody else takes while the node
// they are for is down, as the one of a listener on port 0 may be.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// Ports below those that the kernel chooses itself (RFC 6056 §2.1; Linux
// begins at 32768).
const first, last = 20000, 31999

var (
	mu   sync.Mutex
	next = first
)

// Address is a host and port of 127.0.0.0/8 that is free and given once. The
// host is this process's own among those that run: the low 22 bits are its
// number (PID_MAX_LIMIT of Linux), so processes that test at the same time do
// not meet.
func Address() (string, error) {
	mu.Lock()
	defer mu.Unlock()
	pid := os.Getpid()
	for ; next <= last; next++ {
		at := fmt.Sprintf("127.%d.%d.%d:%d", 64|pid>>16&63, pid>>8&255, pid&255, next)
		l, err := net.Listen("tcp", at)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return "", err
		}
		next++
		return at, l.Close()
	}
	return "", fmt.Errorf("expected a free port of %d to %d, found none", first, last)
}
