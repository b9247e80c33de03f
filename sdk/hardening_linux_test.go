package sdk_test

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// hardening tells what the kernel thinks of this process.
func hardening() string {
	var core unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return fmt.Sprintf("core limit %d, dumpable %d", core.Max, dumpable)
}

const hardened = "core limit 0, dumpable 0"
