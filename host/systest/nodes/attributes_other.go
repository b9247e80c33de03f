//go:build !linux

package nodes

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
