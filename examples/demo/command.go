package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// environment is the caller's, with the names of this story in place of
// whatever it said about other nodes.
func (s *stage) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DTA_") {
			env = append(env, v)
		}
	}
	return append(env, s.env...)
}

// result is how a dta command ended.
type result struct {
	command string
	out     []byte
	said    string // its error text
	code    int
}

// ran runs dta to its end.
func (s *stage) ran(ctx context.Context, args ...string) (result, error) {
	cmd := exec.CommandContext(ctx, s.dta, args...)
	var out, said bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.environment(), &out, &said
	if s.stdin != "" {
		cmd.Stdin = strings.NewReader(s.stdin)
	}
	// A command that is interrupted ends its plugins first.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	r := result{command: "dta " + strings.Join(args, " "), out: out.Bytes(), said: lastError(said.String()), code: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return r, fmt.Errorf("run %s: %w", r.command, err)
	}
	return r, ctx.Err()
}

// run runs a dta command that must succeed.
func (s *stage) run(ctx context.Context, args ...string) ([]byte, error) {
	r, err := s.ran(ctx, args...)
	if err == nil && r.code != 0 {
		err = fmt.Errorf("%s: exit code %d: %s", r.command, r.code, r.said)
	}
	return r.out, err
}

// ask runs a dta command that must succeed, and reads its JSON.
func (s *stage) ask(ctx context.Context, into any, args ...string) error {
	out, err := s.run(ctx, append(args, "--json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, into); err != nil {
		return fmt.Errorf("dta %s: expected JSON: %w", strings.Join(args, " "), err)
	}
	return nil
}

// lastError is what dta itself said at the end, after its plugins' log.
func lastError(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if said, ok := strings.CutPrefix(lines[i], "dta: "); ok {
			return said
		}
	}
	return lines[len(lines)-1]
}
