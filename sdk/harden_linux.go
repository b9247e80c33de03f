package sdk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden keeps the process's memory from core dumps, and from debuggers and /proc/<pid>/mem of its own uid.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switching off core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("shutting out debuggers: %w", err)
	}
	return nil
}
