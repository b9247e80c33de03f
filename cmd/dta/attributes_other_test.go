//go:build !linux

package main_test

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
