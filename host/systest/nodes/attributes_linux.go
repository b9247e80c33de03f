package nodes

import "syscall"

// A node must not outlive the test that runs it, whatever way the test ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
