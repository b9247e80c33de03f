package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	startTime = 20 * time.Second
	stopTime  = 15 * time.Second
)

// node is a running program: `dta host`, or `dta mpin server`.
type node struct {
	name  string
	cmd   *exec.Cmd
	log   string        // file with its standard error
	ready chan string   // its first line, then closed
	ended chan struct{} // closed when it has ended, with err set
	err   error
}

// start runs a node and waits until it says that it is ready.
func (s *stage) start(ctx context.Context, name string, args ...string) error {
	return s.launch(ctx, name, append([]string{"host", "--config", name + ".hcl"}, args...)...)
}

// launch runs dta and waits until it says that it is ready.
func (s *stage) launch(ctx context.Context, name string, args ...string) error {
	n := &node{name: name, log: s.path(name + ".log"), ready: make(chan string, 1), ended: make(chan struct{})}
	log, err := os.Create(n.log)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = exec.Command(s.dta, args...)
	n.cmd.Dir, n.cmd.Env, n.cmd.Stderr = s.dir, s.environment(), log
	n.cmd.SysProcAttr = ownGroup()
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	s.nodes = append(s.nodes, n)
	go func() {
		defer close(n.ended)
		defer close(n.ready)
		lines := bufio.NewScanner(out)
		if lines.Scan() {
			n.ready <- lines.Text()
		}
		for lines.Scan() {
		}
		n.err = n.cmd.Wait()
	}()
	return s.await(ctx, n)
}

// await reads "<name> ready on <address> as <CID>", or "… for network <CID>".
func (s *stage) await(ctx context.Context, n *node) error {
	select {
	case line := <-n.ready:
		f := strings.Fields(line)
		if len(f) == 7 && f[0] == n.name && f[1] == "ready" && f[5] == "network" {
			s.url[n.name] = "http://" + f[3]
			return nil
		}
		if len(f) != 6 || f[0] != n.name || f[1] != "ready" {
			return fmt.Errorf("%s did not become ready; its log ends with:\n%s", n.name, n.lastLines())
		}
		if known := s.name[n.name]; known != "" && known != f[5] {
			return fmt.Errorf("%s started as %s; its identity is %s", n.name, f[5], known)
		}
		s.name[n.name], s.url[n.name] = f[5], "http://"+f[3]
		return nil
	case <-time.After(startTime):
		return fmt.Errorf("%s was not ready within %s; its log ends with:\n%s", n.name, startTime, n.lastLines())
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *node) terminate() { _ = n.cmd.Process.Signal(syscall.SIGTERM) }

// wait waits until a node that was told to end has ended, well.
func (n *node) wait() error {
	select {
	case <-n.ended:
	case <-time.After(stopTime):
		_ = n.cmd.Process.Kill()
		<-n.ended
		return fmt.Errorf("%s did not stop within %s and was killed", n.name, stopTime)
	}
	var exit *exec.ExitError
	if errors.As(n.err, &exit) {
		return fmt.Errorf("%s ended with %s; its log ends with:\n%s", n.name, exit, n.lastLines())
	}
	return n.err
}

func (n *node) lastLines() string {
	b, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-8):], "\n  ")
}
