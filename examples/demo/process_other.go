//go:build !linux

package main

import (
	"context"
	"syscall"
)

// ownGroup keeps a terminal's Ctrl-C from the nodes, which the demo stops itself.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// leftovers cannot be found out here.
func leftovers(context.Context, string) error { return nil }
