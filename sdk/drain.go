package sdk

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	// drainLimit bounds the wait for calls in flight at a shutdown.
	drainLimit = 10 * time.Second
	// flushLimit bounds the wait for their answers to leave the process.
	flushLimit = 250 * time.Millisecond

	// shutdownMethod is how a host asks a plugin that it started to end.
	shutdownMethod = "/plugin.GRPCController/Shutdown"
)

// gate counts the contract's calls in flight, so that a shutdown can wait for them. gRPC's own graceful stop does
// not suffice: go-plugin's streams never end.
type gate struct {
	server *grpc.Server  // set before it serves
	limit  time.Duration // drainLimit

	mu     sync.Mutex
	inside int
	shut   bool
	empty  chan struct{} // closed when shut and nobody is inside
}

var _ stats.Handler = (*gate)(nil)

func newGate() *gate { return &gate{limit: drainLimit, empty: make(chan struct{})} }

// ticket goes with a call from its admission until its answer is handed to the transport.
type ticket struct{ admitted bool }

type ticketKey struct{}

func (g *gate) admit(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	// Health and go-plugin's own calls go on to the end.
	if !strings.HasPrefix(info.FullMethod, "/dta.") {
		if info.FullMethod == shutdownMethod {
			g.beforeShutdown()
		}
		return handle(ctx, req)
	}
	t, ok := ctx.Value(ticketKey{}).(*ticket)
	if !ok || !g.enter() {
		return nil, fault.New(fault.Unavailable, "the plugin is shutting down")
	}
	t.admitted = true
	return handle(ctx, req)
}

// TagRPC gives every call its ticket.
func (g *gate) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, ticketKey{}, &ticket{})
}

// HandleRPC takes the ticket back when the call has ended: only then is its answer written.
func (g *gate) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ended := s.(*stats.End); !ended {
		return
	}
	if t, ok := ctx.Value(ticketKey{}).(*ticket); ok && t.admitted {
		g.leave()
	}
}

func (g *gate) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (g *gate) HandleConn(context.Context, stats.ConnStats)                       {}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.shut && g.inside == 0 {
		close(g.empty)
	}
}

// wait admits nobody any more, and waits until those inside have left or the limit has passed. It says whether there
// was anyone to wait for, and whether all have left.
func (g *gate) wait() (waited, left bool) {
	g.mu.Lock()
	waited = g.inside > 0
	if !g.shut && !waited {
		close(g.empty)
	}
	g.shut = true
	g.mu.Unlock()
	select {
	case <-g.empty:
		return waited, true
	case <-time.After(g.limit):
		return waited, false
	}
}

// drain waits for those inside, then stops the server. It says whether all have left; one that does not, a call that
// hangs in the author's code, is left behind.
func (g *gate) drain() bool {
	_, left := g.wait()
	flushed := flush(g.server)
	g.server.Stop()
	if left {
		<-flushed
	}
	return left
}

// beforeShutdown holds go-plugin's Shutdown, which stops the server on the spot, until those inside have left with
// their answers. A host that gives up the call has still asked for the end: its context is of no account.
func (g *gate) beforeShutdown() {
	if waited, _ := g.wait(); waited {
		flush(g.server)
	}
}

// flush gives the transport a moment to send what it has not sent yet, which a plain stop would throw away. What it
// returns is closed once the server was stopped and no handler runs any more.
func flush(server *grpc.Server) <-chan struct{} {
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		server.GracefulStop()
	}()
	select {
	case <-flushed:
	case <-time.After(flushLimit):
	}
	return flushed
}
