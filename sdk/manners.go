package sdk

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/internal/guard"
)

// grpcServer makes the server of either mode. It counts calls, survives their panics, logs what stays inside, and
// lets no value of a sensitive attribute out in an error.
func (s *server) grpcServer(g *gate, options []grpc.ServerOption, with func(...grpc.UnaryServerInterceptor) []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options, with(g.admit, s.careful)...)...)
}

// careful is the last thing before the handlers.
func (s *server) careful(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (reply any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = guard.Panicked(v)
		}
		if err == nil {
			return
		}
		kind := fault.Of(err)
		if kind == fault.Internal {
			s.logger.Error("call failed", "method", info.FullMethod, "error", err)
		} else {
			s.logger.Debug("call refused", "method", info.FullMethod, "kind", string(kind), "error", err)
		}
		if i, _ := s.configured(); i != nil && kind != fault.Internal {
			err = fault.New(kind, "%s", i.scrub(err.Error()))
		}
	}()
	return handle(ctx, req)
}

// gate counts the contract's calls in flight, so that a shutdown can wait for them. gRPC's own graceful stop is no
// use here: go-plugin's streams never end.
type gate struct {
	mu     sync.Mutex
	inside int
	shut   bool
	empty  chan struct{} // closed when shut and nobody is inside
}

func newGate() *gate { return &gate{empty: make(chan struct{})} }

func (g *gate) admit(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	// Health and go-plugin's own calls go on to the end.
	if !strings.HasPrefix(info.FullMethod, "/dta.") {
		return handle(ctx, req)
	}
	if !g.enter() {
		return nil, fault.New(fault.Unavailable, "the plugin is shutting down")
	}
	defer g.leave()
	return handle(ctx, req)
}

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
	g.signal()
}

// signal tells the one who waits. The caller holds mu.
func (g *gate) signal() {
	if g.shut && g.inside == 0 {
		select {
		case <-g.empty:
		default:
			close(g.empty)
		}
	}
}

// drainLimit bounds the wait for calls in flight at a shutdown.
const drainLimit = 10 * time.Second

// drain admits nobody any more and waits for those inside. It says whether all have left.
func (g *gate) drain() bool {
	g.mu.Lock()
	g.shut = true
	g.signal()
	g.mu.Unlock()
	select {
	case <-g.empty:
		return true
	case <-time.After(drainLimit):
		return false
	}
}
