//go:build linux

package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Log is everything that the node has written to its standard error.
func (n *Node) Log() string {
	text, err := os.ReadFile(n.Path("stderr"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// LogTail is the last lines of the log.
func (n *Node) LogTail(count int) string {
	lines := strings.Split(strings.TrimSpace(n.Log()), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-count):], "\n  ")
}

// Command runs `dta` with the node's configuration, and gives what it printed.
// An exit other than 0 is an error that tells what it wrote.
func (n *Node) Command(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*startTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.program, append(args, "--config", n.Config)...)
	cmd.Dir, cmd.Env = n.Dir, append(os.Environ(), n.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("dta %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// MustCommand is Command that must succeed.
func (n *Node) MustCommand(args ...string) string {
	n.tb.Helper()
	out, err := n.Command(args...)
	if err != nil {
		n.tb.Fatal(err)
	}
	return out
}
