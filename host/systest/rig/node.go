//go:build linux

package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Limits of patience, far beyond what a healthy node needs on a busy machine.
const (
	startTime = time.Minute
	stopTime  = 20 * time.Second
)

// Node is one node: a directory, an address, and from Start to Kill or Stop a
// running `dta host`. Its methods belong to the test's own goroutine; the
// client may be used from anywhere.
type Node struct {
	Options
	Dir     string // the programs' working directory: node.hcl, data, token-*, stdout, stderr
	Address string // host:port, the same after every restart
	Config  string // the configuration's file

	tb      testing.TB
	program string
	plugin  string
	client  *Client
	run     *run
	name    string // CID, once it has been ready
	custody map[string]string
}

// run is one life of a node's process.
type run struct {
	cmd   *exec.Cmd
	ready chan string   // its first line, then closed
	ended chan struct{} // closed when it has ended, with err set
	err   error
}

// One starts a node in all three roles and waits until it is ready and every
// one of its instances is.
func One(tb testing.TB, o Options) *Node {
	tb.Helper()
	n := New(tb, o)
	n.configure(roles{principals: []string{"self"}})
	n.Start()
	return n
}

// New prepares a node's directory and address, without a configuration.
func New(tb testing.TB, o Options) *Node {
	tb.Helper()
	o = o.withDefaults()
	n := &Node{
		Options: o, tb: tb, Dir: filepath.Join(directory(tb), o.Name), Address: address(tb),
		program: Program(tb, "dta"), plugin: Program(tb, "dta-plugin-softhsm-demo"),
	}
	n.Config = n.Path("node.hcl")
	n.client = NewClient("http://" + n.Address)
	if err := os.Mkdir(n.Dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.clear)
	return n
}

// Configure writes the node's configuration as text, for tests that need one
// of their own.
func (n *Node) Configure(text string) {
	n.tb.Helper()
	if err := os.WriteFile(n.Config, []byte(text), 0o600); err != nil {
		n.tb.Fatal(err)
	}
}

func (n *Node) configure(r roles) { n.tb.Helper(); n.Configure(n.config(n.Address, n.plugin, r)) }

// Path is a path in the node's directory.
func (n *Node) Path(parts ...string) string {
	return filepath.Join(append([]string{n.Dir}, parts...)...)
}

// Client calls the node's API.
func (n *Node) Client() *Client { return n.client }

// URL is where the node's API is.
func (n *Node) URL() string { return "http://" + n.Address }

// Identity is the node's name: the CID of its first document.
func (n *Node) Identity() string { return n.name }

// Custody is the name of an instance's custody identity.
func (n *Node) Custody(instance string) string { return n.custody[instance] }

// PID is the host's process, 0 while none runs.
func (n *Node) PID() int {
	if n.run == nil {
		return 0
	}
	return n.run.cmd.Process.Pid
}

// Start runs the node and waits until it and its instances are ready.
func (n *Node) Start() {
	n.tb.Helper()
	if err := n.TryStart(); err != nil {
		n.tb.Fatal(err)
	}
	if err := n.AwaitPlugins(); err != nil {
		n.tb.Fatal(err)
	}
}

// Restart is Start, after a Kill or a Stop.
func (n *Node) Restart() { n.tb.Helper(); n.Start() }

// launch runs the host.
func (n *Node) launch() error {
	if n.run != nil {
		return fmt.Errorf("%s runs already", n.Name)
	}
	stderr, err := os.OpenFile(n.Path("stderr"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close()
	stdout, err := os.OpenFile(n.Path("stdout"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	r := &run{ready: make(chan string, 1), ended: make(chan struct{})}
	r.cmd = exec.Command(n.program, "host", "--config", n.Config)
	if _, err := os.Stat(n.Path("data")); errors.Is(err, fs.ErrNotExist) {
		r.cmd.Args = append(r.cmd.Args, "--create")
	}
	if n.Files > 0 {
		r.cmd = exec.Command("/bin/sh", append([]string{"-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(n.Files)}, r.cmd.Args...)...)
	}
	r.cmd.Dir, r.cmd.Stderr, r.cmd.Env = n.Dir, stderr, append(os.Environ(), n.Env...)
	// A test that dies takes its nodes along. The signal comes when the thread
	// that started them ends, so that one stays until they have.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer stdout.Close()
		err := r.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		defer close(r.ended)
		defer close(r.ready)
		lines := bufio.NewScanner(out)
		for first := true; lines.Scan(); first = false {
			fmt.Fprintln(stdout, lines.Text())
			if first {
				r.ready <- lines.Text()
			}
		}
		r.err = r.cmd.Wait()
	}()
	if err := <-started; err != nil {
		return err
	}
	n.run = r
	return nil
}

// TryStart runs the node and waits until it says that it is ready. When it ends
// instead, the error tells what it wrote.
func (n *Node) TryStart() error {
	if err := n.launch(); err != nil {
		return err
	}
	r := n.run
	select {
	case line, ok := <-r.ready:
		f := strings.Fields(line)
		if ok && len(f) == 6 && f[0] == n.Name && f[1] == "ready" {
			n.name = f[5]
			return nil
		}
		n.end(syscall.SIGKILL)
		return fmt.Errorf("%s did not become ready (%w); its log ends with:\n%s", n.Name, r.err, n.LogTail(12))
	case <-time.After(startTime):
		n.end(syscall.SIGKILL)
		return fmt.Errorf("%s was not ready within %s; its log ends with:\n%s", n.Name, startTime, n.LogTail(12))
	}
}

// AwaitPlugins waits until every instance is ready and enrolled, and learns the
// custody identities.
func (n *Node) AwaitPlugins() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		got, err := n.client.Status(ctx)
		if err == nil {
			ready := 0
			n.custody = make(map[string]string)
			for _, c := range got.Custody {
				if c.State == "ready" && c.Identity != "" {
					n.custody[c.Name] = c.Identity
					ready++
				}
			}
			if ready == len(got.Custody) && ready > 0 {
				return nil
			}
			err = fmt.Errorf("plugins of %s: %+v", n.Name, got.Custody)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; its log ends with:\n%s", err, n.LogTail(12))
		case <-n.run.ended:
			return fmt.Errorf("%s ended (%w); its log ends with:\n%s", n.Name, n.run.err, n.LogTail(12))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill kills the host, and nothing but the host, with SIGKILL.
func (n *Node) Kill() {
	n.tb.Helper()
	if n.run == nil {
		n.tb.Fatalf("%s does not run", n.Name)
	}
	n.end(syscall.SIGKILL)
}

// KillWhileStarting starts the host and kills it a while later, whatever it has
// got to.
func (n *Node) KillWhileStarting(after time.Duration) {
	n.tb.Helper()
	if err := n.launch(); err != nil {
		n.tb.Fatal(err)
	}
	time.Sleep(after)
	n.Kill()
}

// Stop tells the node to stop. It must end by itself, well, and leave no
// process.
func (n *Node) Stop() {
	n.tb.Helper()
	if n.run == nil {
		n.tb.Fatalf("%s does not run", n.Name)
	}
	if err := n.end(syscall.SIGTERM); err != nil {
		n.tb.Errorf("%s, told to stop: %v; its log ends with:\n%s", n.Name, err, n.LogTail(12))
	}
	n.NoOrphans()
}

// end signals the host and waits for its end.
func (n *Node) end(s syscall.Signal) error {
	_ = n.run.cmd.Process.Signal(s)
	return n.wait()
}

// wait waits for the end of a host that was signalled; one that does not heed
// the signal is killed, which is an error.
func (n *Node) wait() error {
	r := n.run
	n.run = nil
	defer n.client.Forget()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(stopTime):
		_ = r.cmd.Process.Kill()
		<-r.ended
		return fmt.Errorf("it had not ended after %s", stopTime)
	}
}

// Terminate is the beginning of Stop: it tells the node to stop. ended waits
// until it has, and is an error when it did not end well.
func (n *Node) Terminate() (ended func() error) {
	n.tb.Helper()
	if n.run == nil {
		n.tb.Fatalf("%s does not run", n.Name)
	}
	_ = n.run.cmd.Process.Signal(syscall.SIGTERM)
	return n.wait
}

// NoOrphans fails the test when, after a moment's grace, a process of a node
// that does not run is left.
func (n *Node) NoOrphans() {
	n.tb.Helper()
	if err := n.orphans(); err != nil {
		n.tb.Error(err)
	}
}

func (n *Node) orphans() error {
	var left []Process
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if left = n.Processes(); len(left) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%s does not run, but has left processes: %v", n.Name, left)
}

// clear ends what a test has left running.
func (n *Node) clear() {
	if n.run != nil {
		n.end(syscall.SIGKILL)
	}
	if err := n.orphans(); err != nil {
		n.tb.Error(err)
		for _, p := range n.Processes() {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
	}
	if n.tb.Failed() {
		n.tb.Logf("the log of %s ends with:\n%s", n.Name, n.LogTail(40))
	}
}
