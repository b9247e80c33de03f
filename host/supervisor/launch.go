package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// maxHeaders bounds the metadata of an answer, in bytes.
const maxHeaders = 64 << 10

// launch starts the program of s and connects to it: the plugin answers, but is not prepared. On an error nothing is
// left of it but, with the generation, what the program was and what it wrote.
func launch(ctx context.Context, s Spec) (g *generation, err error) {
	p := &program{args: s.Args, dir: s.Dir, log: s.Logger.Named("plugin")}
	g = &generation{name: s.Name, program: p}
	if p.binary, err = openBinary(s.Command); err != nil {
		return g, err
	}
	defer p.binary.close()
	g.digest = p.binary.digest
	if err = p.binary.checkPin(s.SHA256); err != nil {
		return g, err
	}
	if g.dir, err = makeRunDir(s.RuntimeDir); err != nil {
		return g, err
	}
	p.socket = g.dir.path
	defer func() {
		if err != nil {
			err = g.explain(err)
			g.discard("it did not start")
		}
	}()

	limited, cancel := context.WithTimeout(ctx, s.StartTimeout)
	defer cancel()
	tlsConfig, addr, err := g.handshake(limited, s)
	if err != nil {
		return g, err
	}
	g.conn, err = grpc.NewClient("passthrough:///plugin", append(contract.DialOptions(),
		grpc.WithTransportCredentials(tlsConfig),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, addr.Network(), addr.String())
		}),
		grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: s.StartTimeout,
		}),
	)...)
	if err != nil {
		return g, fmt.Errorf("connecting: %w", err)
	}
	g.client = contract.NewClient(g.conn)
	if err := g.client.Ping(limited); err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			return g, fault.New(fault.Unavailable, "it shook hands but did not answer within %s", s.StartTimeout)
		}
		return g, fmt.Errorf("it shook hands but does not answer: %w", err)
	}
	g.follow()
	return g, nil
}

// handshake has go-plugin start the program and agree on certificates and version, until ctx ends.
func (g *generation) handshake(ctx context.Context, s Spec) (credentials.TransportCredentials, net.Addr, error) {
	sets := contract.Plugins()
	g.program.versions = slices.Sorted(maps.Keys(sets))
	config := &plugin.ClientConfig{
		HandshakeConfig:  contract.Handshake,
		VersionedPlugins: sets,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		Logger:           hclog.NewNullLogger(),
		StartTimeout:     s.StartTimeout + time.Second, // ctx ends first
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: g.dir.path},
	}
	var stop func() bool
	config.RunnerFunc = func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
		g.program.env = append(s.environment(), socketEnv(cmd.Env, g.dir.path)...)
		return starting{g.program, func() { stop = context.AfterFunc(ctx, func() { g.program.Kill(ctx) }) }}, nil
	}
	addr, err := plugin.NewClient(config).Start()
	if stop != nil {
		stop()
	}
	switch refused := g.program.refused(); {
	case refused != nil:
		return nil, nil, refused
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, nil, fault.New(fault.Unavailable, "no handshake within %s", s.StartTimeout)
	case ctx.Err() != nil:
		return nil, nil, fault.New(fault.Unavailable, "the start was given up: %w", ctx.Err())
	case err != nil && g.program.proc != nil:
		return nil, nil, errNoHandshake
	case err != nil:
		return nil, nil, fault.New(fault.Unavailable, "%w", err)
	}
	return credentials.NewTLS(config.TLSConfig), addr, nil
}

var errNoHandshake = fault.New(fault.Unavailable, "it closed its standard output without a handshake")

// starting runs a function as soon as the program has started.
type starting struct {
	*program
	started func()
}

func (r starting) Start(ctx context.Context) error {
	if err := r.program.Start(ctx); err != nil {
		return err
	}
	r.started()
	return nil
}
