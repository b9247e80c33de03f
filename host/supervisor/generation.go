package supervisor

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

const (
	// politely is how long a plugin may take over each of: answering Shutdown, ending after it, ending after SIGTERM.
	politely = 400 * time.Millisecond
	// breakTime is how long an unavailable plugin may take to turn out to be a dying one.
	breakTime = 100 * time.Millisecond
	// killTime is how long a process may take to die of SIGKILL before the host stops waiting.
	killTime = time.Second
)

// generation is one process of a plugin, from its launch to its end.
type generation struct {
	name    string
	digest  string // of the program, in hex; empty when it could not be read
	program *program
	dir     *runDir          // nil until it is made
	conn    *grpc.ClientConn // nil until the handshake
	client  *contract.Client

	life      context.Context    // ends with the process; nil until it has connected, as are:
	gone      <-chan struct{}    // life's end
	broken    chan struct{}      // closed when the connection has broken, which comes a moment before gone
	stopStdio context.CancelFunc // ends the reading of what it prints
	watch     sync.WaitGroup
	served    atomic.Bool // a Call has succeeded

	mu     sync.Mutex // guards what follows
	calls  int
	closed bool
	idle   chan struct{} // closed when closed is set and calls is 0
}

// follow watches a process that has connected: its end, that of its connection, and what it prints. A plugin that
// breaks its connection is ending, or has to: a process that nobody can call is of no use.
func (g *generation) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	g.stopStdio = cancel
	g.watch.Go(func() { followStdio(ctx, g.conn, g.program.intake) })
	life, end := context.WithCancel(context.Background())
	g.life, g.gone = life, life.Done()
	g.broken, g.idle = make(chan struct{}), make(chan struct{})
	go func() {
		<-g.program.proc.exited
		end()
	}()
	g.watch.Go(func() {
		if g.conn.GetState() == connectivity.Ready && !g.conn.WaitForStateChange(life, connectivity.Ready) {
			return // the process ended first
		}
		close(g.broken)
		select {
		case <-g.gone:
		case <-time.After(politely):
			g.program.proc.signal(syscall.SIGKILL, "it broke its connection")
		}
	})
}

// sound says whether the plugin can be called.
func (g *generation) sound() bool {
	select {
	case <-g.gone:
		return false
	case <-g.broken:
		return false
	default:
		return true
	}
}

// borrow registers a call; false when the generation takes no more.
func (g *generation) borrow() bool {
	if !g.sound() {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.calls++
	return true
}

func (g *generation) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls--
	if g.closed && g.calls == 0 {
		close(g.idle)
	}
}

// drain refuses further calls and waits for those in flight until ctx ends.
func (g *generation) drain(ctx context.Context) {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		if g.calls == 0 {
			close(g.idle)
		}
	}
	g.mu.Unlock()
	select {
	case <-g.idle:
	case <-g.gone:
	case <-ctx.Done():
	}
}

// call runs fn against this process. The context it hands on ends with the process, so that a call ends even where
// a descendant of the plugin keeps the connection open.
func (g *generation) call(ctx context.Context, fn func(context.Context, *contract.Client) error) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	err := fn(inner, g.client)
	if err == nil || ctx.Err() != nil {
		return err
	}
	switch fault.Of(err) {
	case fault.Unavailable, fault.Deadline, fault.Internal:
	default:
		return err // the plugin's own answer
	}
	if fault.Of(err) == fault.Unavailable {
		// A call fails a moment before its connection is known to have broken.
		select {
		case <-g.broken:
		case <-g.gone:
		case <-time.After(breakTime):
		}
	}
	select {
	case <-g.broken: // the process ends, or is ended, in a moment
		select {
		case <-g.gone:
		case <-ctx.Done():
		}
	default:
	}
	select {
	case <-g.gone:
		return fault.New(fault.Unavailable, "plugin %q died during the call: it %s", g.name, g.program.proc.exit)
	default:
		return err
	}
}

// shutdown asks the plugin to end, then tells it to, then kills it, within a second and a half; at once when ctx
// ends.
func (g *generation) shutdown(ctx context.Context, why string) {
	ask, cancel := context.WithTimeout(ctx, politely)
	err := g.conn.Invoke(ask, shutdownMethod, &emptypb.Empty{}, &emptypb.Empty{})
	cancel()
	// go-plugin ends the connection before it answers, so that an error says nothing but that time ran out.
	if (err == nil || fault.Of(err) != fault.Deadline) && g.awaitGone(ctx, politely) {
		g.discard(why)
		return
	}
	if ctx.Err() == nil {
		g.program.proc.signal(syscall.SIGTERM, "")
		g.awaitGone(ctx, politely)
	}
	g.discard(why)
}

func (g *generation) awaitGone(ctx context.Context, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-g.gone:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// discard ends the process, if it has not ended, and frees all that belonged to it. It is bounded: a process that
// cannot even be killed is left to the kernel.
func (g *generation) discard(why string) {
	if p := g.program; p.proc != nil {
		p.proc.signal(syscall.SIGKILL, why)
		select {
		case <-p.proc.exited:
			<-p.read
		case <-time.After(killTime):
			p.log.Error("the process does not die of SIGKILL", "pid", p.proc.pid)
		}
	}
	if g.stopStdio != nil {
		g.stopStdio()
	}
	if g.conn != nil {
		g.conn.Close()
	}
	g.watch.Wait()
	g.dir.remove()
}

// end tells how the process ended, and with which words: the first line of its panic or, where it ended by itself,
// the last line that it wrote. An operator who cannot ask a node that does not start has nothing else.
func (g *generation) end() (how, words string) {
	p := g.program
	<-p.read
	if line := p.intake.panicLine(); line != "" {
		return p.proc.exit.String(), " (" + line + ")"
	}
	if p.proc.exit.signal != 0 {
		return p.proc.exit.String(), ""
	}
	return p.proc.exit.String(), p.intake.lastLine()
}

// explain replaces the reason of a failed start by the end of the process, where that came first, and else adds what
// a plugin that says nothing to the host wrote last.
func (g *generation) explain(err error) error {
	p := g.program
	if p.proc == nil || fault.Of(err) != fault.Unavailable {
		return err
	}
	select {
	case <-p.proc.exited:
		if p.proc.exit.killed == "" {
			how, words := g.end()
			return fault.New(fault.Unavailable, "it %s before it was ready%s", how, words)
		}
		<-p.read
	case <-time.After(lastWords):
	}
	return fmt.Errorf("%w%s", err, p.intake.lastLine())
}
