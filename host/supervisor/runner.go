package supervisor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/milagro-dta/dta/protocol/fault"
)

// lastWords is how long the pipes of a dead process are read on. Its descendants may hold them open for ever.
const lastWords = 250 * time.Millisecond

// program runs a plugin for go-plugin. Of the plugin's output go-plugin sees the handshake, once it was checked,
// and nothing else.
type program struct {
	binary   *binary // closed once it runs
	args     []string
	env      []string
	dir      string // working directory
	socket   string // the directory for the socket
	versions []int
	log      hclog.Logger

	proc      *process       // set by Start
	intake    *intake        // set by Start
	handshake *io.PipeReader // the checked line
	read      chan struct{}  // closed when both pipes have been read to their end

	mu     sync.Mutex
	refuse error // why it did not run, or why its handshake was not accepted
}

var _ runner.Runner = (*program)(nil)

// Start starts the process and the readers of its output.
func (p *program) Start(context.Context) error {
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name(), err)
	}
	defer stdin.Close()
	stdout, outW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name(), err)
	}
	defer outW.Close()
	stderr, errW, err := os.Pipe()
	if err != nil {
		stdout.Close()
		return fmt.Errorf("starting %s: %w", p.Name(), err)
	}
	defer errW.Close()
	if err := p.exec(&os.ProcAttr{Dir: p.dir, Env: p.env, Files: []*os.File{stdin, outW, errW}}); err != nil {
		stdout.Close()
		stderr.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refuse = err
		return err
	}
	p.intake = newIntake(p.log, p.proc.exited)
	p.read = make(chan struct{})
	line, lineW := io.Pipe()
	p.handshake = line

	var readers sync.WaitGroup
	readers.Go(func() { p.intake.read(stderr, "") })
	readers.Go(func() { p.readStdout(stdout, lineW) })
	go func() {
		readers.Wait()
		close(p.read)
	}()
	go func() {
		<-p.proc.exited
		select {
		case <-p.read:
		case <-time.After(lastWords):
		}
		stdout.Close()
		stderr.Close()
	}()
	return nil
}

// exec runs the very file that was hashed.
func (p *program) exec(attr *os.ProcAttr) error {
	path, undo, err := p.binary.runnable(p.socket, attr.Files...)
	if err != nil {
		return fault.New(fault.Unavailable, "starting the program: %w", err)
	}
	defer undo()
	p.proc, err = startProcess(path, append([]string{p.Name()}, p.args...), attr)
	p.binary.close()
	kind := fault.Unavailable
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOEXEC):
		kind = fault.Unsupported // it was built for another machine
	case errors.Is(err, syscall.EACCES):
		kind = fault.Denied // it may not be run, or nothing on its file system may
	}
	return fault.New(kind, "starting the program %s: %w", p.Name(), errors.Unwrap(err))
}

// readStdout passes the handshake on and logs what follows.
func (p *program) readStdout(stdout io.Reader, handshake *io.PipeWriter) {
	r := bufio.NewReaderSize(stdout, maxHandshake)
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		err = fault.New(fault.Unavailable, "expected a handshake of at most %d bytes, found a longer line", maxHandshake)
	case err != nil:
		// It ended, or was ended, with the line or before it; its exit says why.
		p.intake.take(line, "stdout", time.Now())
		handshake.Close()
		return
	default:
		err = checkHandshake(string(line), p.socket, p.versions)
	}
	if err != nil {
		p.mu.Lock()
		p.refuse = err
		p.mu.Unlock()
		handshake.Close()
		p.proc.signal(syscall.SIGKILL, "its handshake was refused")
	} else {
		handshake.Write(append([]byte(strings.TrimSpace(string(line))), '\n'))
		handshake.Close()
	}
	p.intake.read(r, "stdout")
}

func (p *program) refused() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuse
}

// Wait returns when the process has ended.
func (p *program) Wait(context.Context) error {
	<-p.proc.exited
	return nil
}

// Kill ends the process at once. go-plugin calls it when a start has failed.
func (p *program) Kill(context.Context) error {
	p.proc.signal(syscall.SIGKILL, "it did not start")
	return nil
}

// Stdout has the handshake line and ends.
func (p *program) Stdout() io.ReadCloser { return p.handshake }

// Stderr is empty: the intake reads the real one.
func (p *program) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the path of the program.
func (p *program) Name() string { return p.binary.path }

// ID is the process id.
func (p *program) ID() string { return fmt.Sprint(p.proc.pid) }

// Diagnose has nothing to add.
func (p *program) Diagnose(context.Context) string { return "" }

// PluginToHost leaves addresses as they are: plugin and host share one file system.
func (p *program) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin leaves addresses as they are.
func (p *program) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

// socketEnv is go-plugin's environment with the socket's directory replaced: go-plugin would put it one level
// deeper, and the path of a socket is short.
func socketEnv(env []string, dir string) []string {
	out := make([]string, 0, len(env)+1)
	for _, e := range env {
		if !strings.HasPrefix(e, plugin.EnvUnixSocketDir+"=") {
			out = append(out, e)
		}
	}
	return append(out, plugin.EnvUnixSocketDir+"="+dir)
}
