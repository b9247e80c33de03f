package supervisor

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

// process is a started program in a process group of its own.
type process struct {
	pid int
	// exited is closed when the program has ended and has been reaped; then exit says how.
	exited chan struct{}
	exit   exit

	mu     sync.Mutex // guards what follows
	reaped bool       // the pid may belong to someone else
	killed string     // why the host killed it; empty while it did not
}

// startProcess starts a program. The goroutine that starts it keeps its thread until the program has ended: the
// kernel sends Pdeathsig when that thread ends, not when the process does.
func startProcess(path string, argv []string, attr *os.ProcAttr) (*process, error) {
	p := &process{exited: make(chan struct{})}
	started := make(chan error)
	oom := oomKills()
	go func() {
		runtime.LockOSThread()
		attr.Sys = processAttributes()
		child, err := os.StartProcess(path, argv, attr)
		if err != nil {
			runtime.UnlockOSThread()
			started <- err
			return
		}
		// Never unlocked: the thread ends with this goroutine.
		p.pid = child.Pid
		forbidCore(p.pid)
		started <- nil
		p.await(child, oom)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// await ends when the program has, with whatever it left in its group. The group is killed before its leader is
// reaped: until then the number of the group cannot be given to anyone else.
func (p *process) await(child *os.Process, oom int) {
	defer close(p.exited)
	held := awaitUnreaped(p.pid)
	if held {
		p.mu.Lock()
		defer p.mu.Unlock()
		syscall.Kill(-p.pid, syscall.SIGKILL)
	}
	state, err := child.Wait()
	if !held {
		syscall.Kill(-p.pid, syscall.SIGKILL)
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	p.reaped = true
	p.exit = exitOf(state, err, p.killed, oomKills() > oom)
}

// signal reaches the whole group. why is remembered with the first SIGKILL.
func (p *process) signal(sig syscall.Signal, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	if sig == syscall.SIGKILL && p.killed == "" {
		p.killed = why
	}
	syscall.Kill(-p.pid, sig)
}
