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
)

// gate counts the contract's calls in flight, so that a shutdown can wait for them. gRPC's own graceful stop does
// not suffice: go-plugin's streams never end.
type gate struct {
	mu     sync.Mutex
	inside int
	shut   bool
	empty  chan struct{} // closed when shut and nobody is inside
}

var _ stats.Handler = (*gate)(nil)

func newGate() *gate { return &gate{empty: make(chan struct{})} }

// ticket goes with a call from its admission until its answer is handed to the transport.
type ticket struct{ admitted bool }

type ticketKey struct{}

func (g *gate) admit(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	// Health and go-plugin's own calls go on to the end.
	if !strings.HasPrefix(info.FullMethod, "/dta.") {
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

// drain admits nobody any more and waits for those inside, then stops the server. It says whether all have left. It
// is called once.
func (g *gate) drain(server *grpc.Server) bool {
	g.mu.Lock()
	g.shut = true
	if g.inside == 0 {
		close(g.empty)
	}
	g.mu.Unlock()
	left := true
	select {
	case <-g.empty:
	case <-time.After(drainLimit):
		left = false
	}
	// A plain stop would throw away what the transport has not sent yet.
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		server.GracefulStop()
	}()
	select {
	case <-flushed:
	case <-time.After(flushLimit):
	}
	server.Stop()
	<-flushed
	return left
}
