package sdk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/internal/lent"
)

// ServeListener serves an enrolled plugin on a listener of the caller's, one in memory for instance, until ctx ends.
// It logs to logger; what it logs may not be scrubbed of the configuration's secrets.
func ServeListener(ctx context.Context, p Program, lis net.Listener, logger hclog.Logger) error {
	if err := p.program().check(); err != nil {
		return err
	}
	s := &server{plugin: p.program(), mode: order.Enrolled, logger: logger, lent: lent.From(ctx)}
	return s.serveListener(ctx, lis)
}

func (s *server) serveListener(ctx context.Context, lis net.Listener) error {
	g := newGate()
	server := s.grpcServer(g, nil, contract.ServerOptions)
	s.register(server)
	alive := health.NewServer()
	alive.SetServingStatus(contract.HealthService, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, alive)

	done := make(chan error, 1)
	go func() { done <- server.Serve(lis) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		if !g.drain() {
			s.logger.Warn("calls did not finish in time; they were ended", "limit", drainLimit)
		}
		<-done
	}
	s.close()
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// listen makes a unix socket at path, mode 0600. A socket that a former process left there is replaced; one that still
// answers is an error.
func listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("making socket %s: something else is there", path)
		}
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return nil, fmt.Errorf("making socket %s: another process serves it", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("making socket %s: removing the old one: %w", path, err)
		}
	}
	// Nobody may connect between the making and the changing of its mode.
	restore := privateFiles()
	defer restore()
	lis, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("making socket: %w", err)
	}
	return lis, nil
}
