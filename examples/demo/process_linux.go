package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ownGroup keeps a terminal's Ctrl-C from the nodes, which the demo stops
// itself, and has them end if the demo is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// leftovers waits until no process works in dir any more; nodes and plugins all
// do while they run.
func leftovers(ctx context.Context, dir string) error {
	for {
		found := workingIn(dir)
		if len(found) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes were left: %s", strings.Join(found, ", "))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func workingIn(dir string) (found []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		at, err := os.Readlink(link)
		if err != nil || (at != dir && !strings.HasPrefix(at, dir+"/")) {
			continue
		}
		name, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "comm"))
		found = append(found, filepath.Base(filepath.Dir(link))+" "+strings.TrimSpace(string(name)))
	}
	return found
}
