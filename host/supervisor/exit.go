package supervisor

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exit says how a program ended.
type exit struct {
	code   int            // meaningful where signal is 0
	signal syscall.Signal // what killed it
	killed string         // why the host did; empty where the host did not
	oom    bool           // the kernel ran out of memory while the program lived
	err    error          // the end could not be observed
}

func exitOf(state *os.ProcessState, err error, killed string, oom bool) exit {
	if err != nil {
		return exit{err: err}
	}
	e := exit{code: state.ExitCode(), oom: oom}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.signal, e.killed = ws.Signal(), killed
	}
	return e
}

// byHand says that somebody killed the program, as far as can be known.
func (e exit) byHand() bool { return e.signal == syscall.SIGKILL && e.killed == "" && !e.oom }

// String reads on after the name of a plugin: "exited with code 3".
func (e exit) String() string {
	switch {
	case e.err != nil:
		return fmt.Sprintf("ended, but waiting for it failed: %v", e.err)
	case e.signal == 0:
		return fmt.Sprintf("exited with code %d", e.code)
	case e.killed != "":
		return fmt.Sprintf("was killed by this host (%s)", e.killed)
	case e.signal == syscall.SIGKILL && e.oom:
		return "was killed by SIGKILL, probably by the kernel for want of memory"
	case e.signal == syscall.SIGKILL:
		return "was killed by SIGKILL, not by this host: by an operator, or by the kernel for want of memory"
	}
	name := unix.SignalName(e.signal)
	if name == "" {
		name = fmt.Sprintf("signal %d", e.signal)
	}
	return "was killed by " + name
}
