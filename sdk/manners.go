package sdk

import (
	"context"

	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/internal/guard"
)

// grpcServer makes the server of either mode. It counts calls, survives their panics, logs what stays inside, and
// lets no value of a sensitive attribute out in an error.
func (s *server) grpcServer(g *gate, options []grpc.ServerOption, with func(...grpc.UnaryServerInterceptor) []grpc.ServerOption) *grpc.Server {
	options = append(options, grpc.StatsHandler(g))
	g.server = grpc.NewServer(append(options, with(g.admit, s.careful)...)...)
	return g.server
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
			missing := fault.Missing(err) // CIDs, from the guard alone: what an author says is wrapped
			err = fault.New(kind, "%s", i.scrub(err.Error()))
			if len(missing) > 0 {
				err = fault.Lacking(missing, "%w", err)
			}
		}
	}()
	return handle(ctx, req)
}
