package cli

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noCore keeps what is in this process's memory from a core dump, and that of the
// plugins it starts: there is hardly a command through which no key, secret or PIN
// passes.
func noCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switch off core dumps: %w", err)
	}
	return nil
}
