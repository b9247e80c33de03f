//go:build !linux

package kubotest

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
