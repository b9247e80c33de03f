package sdk

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/internal/stdio"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Serve is all that a plugin's main does. It does not return: the process exits with status 0 when the plugin ended
// well, 1 when it did not, 2 when it was run by hand or with wrong arguments.
//
//	program                a D-TA host runs it: supervised
//	program -socket PATH   a service manager runs it: enrolled, on a socket of its own; no D-TA host attaches to one yet
//	program -version       prints type and version
func Serve(p Program) {
	os.Exit(run(p.program(), os.Args[1:]))
}

func run(p program, args []string) int {
	flags := flag.NewFlagSet(p.typ, flag.ContinueOnError)
	socket := flags.String("socket", "", "serve on a unix socket at this `path`, made by this program; no D-TA host attaches to it yet")
	version := flags.Bool("version", false, "print type and version")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if *version {
		if _, err := fmt.Fprintln(stdio.Stdout(), p.typ, p.version); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.typ, err)
			return 1
		}
		return 0
	}
	if *socket == "" && os.Getenv(contract.Handshake.MagicCookieKey) != contract.Handshake.MagicCookieValue {
		fmt.Fprintf(os.Stderr, "This is a custody plugin of type %q. A D-TA host runs it; name it in a plugin block:\n\n"+
			"  plugin %q \"my-instance\" {\n    command = %q\n    config { … }\n  }\n", p.typ, p.typ, os.Args[0])
		return 2
	}
	// The logger takes hold of the real standard error before go-plugin replaces os.Stderr.
	logger, scrubbed := newLogger(os.Stderr)
	redirect(logger)
	if err := serveProcess(p, *socket, logger, scrubbed); err != nil {
		logger.Error("plugin ends", "error", err)
		return 1
	}
	return 0
}

func serveProcess(p program, socket string, logger hclog.Logger, scrubbed *scrubbedWriter) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := harden(); err != nil {
		return err
	}
	// A terminal that closes ends no plugin, nor does a log that nobody reads any more: a plugin finishes what it has
	// begun although its host is gone.
	signal.Ignore(syscall.SIGHUP)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// An interrupt from a terminal reaches the whole process group; the host decides what it means for its plugins.
	ends := []os.Signal{syscall.SIGTERM}
	if socket != "" {
		ends = append(ends, os.Interrupt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	if socket != "" {
		lis, err := listen(socket)
		if err != nil {
			return err
		}
		s := &server{plugin: p, mode: order.Enrolled, logger: logger, log: scrubbed}
		return s.serveListener(ctx, lis)
	}
	s := &server{plugin: p, mode: order.Supervised, logger: logger, log: scrubbed}
	s.serveHost(ctx)
	return nil
}

// serveHost serves the host that started this process until that host ends it, itself ends, or ctx does.
func (s *server) serveHost(ctx context.Context) {
	g := newGate()
	made := make(chan struct{})
	done := make(chan struct{})
	ended := make(chan struct{})
	gone := orphaned(os.Getppid(), done)
	go func() {
		defer close(ended)
		select {
		case <-done:
			return
		case <-ctx.Done():
			s.logger.Info("asked to end; finishing what was begun")
		case <-gone:
			s.logger.Warn("the host is gone; finishing what was begun")
		}
		select {
		case <-made:
			if !g.drain() {
				s.logger.Warn("calls did not finish in time; they were ended", "limit", drainLimit)
			}
		case <-done:
		}
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  contract.Handshake,
		VersionedPlugins: contract.Served(s.register),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			defer close(made)
			return s.grpcServer(g, options, contract.ServerOptions)
		},
		Logger: s.logger.Named("transport"),
	})
	close(done)
	<-ended
	s.close()
}

// orphaned closes its channel when the parent process is another than it was at the start: the last resort, where
// the host's own arrangements (the kernel's parent-death signal) failed or do not exist.
func orphaned(parent int, done <-chan struct{}) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if os.Getppid() != parent {
					close(gone)
					return
				}
			}
		}
	}()
	return gone
}
