//go:build unix

package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noCore keeps what is in this process's memory from a core dump: a node has
// its own keys there, and for moments its principals' secrets.
func noCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switch off core dumps: %w", err)
	}
	return nil
}
