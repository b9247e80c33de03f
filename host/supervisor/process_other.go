//go:build unix && !linux

package supervisor

import "syscall"

// Only Linux ends a child with its parent; elsewhere the SDK watches for the host's end.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func forbidCore(int) {}

func awaitUnreaped(int) bool { return false }

func oomKills() int { return 0 }
