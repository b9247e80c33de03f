//go:build unix && !linux

package sdk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden keeps the process's memory from core dumps.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switching off core dumps: %w", err)
	}
	return nil
}
