package cli

import (
	"crypto/tls"
	"net"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/cmd/dta/authn/server"
	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/protocol/fault"
)

func (a *app) mpinServer() *cobra.Command {
	var file, state, listen, cert, key, loss string
	var attempts int
	var create, distance bool
	c := &cobra.Command{
		Use: "server --secret FILE --state DIR", Short: "Run an example authentication server until it is told to stop (SIGTERM, SIGINT)", Args: none,
		Long: `Run an example authentication server until it is told to stop (SIGTERM, SIGINT).

It stores nothing about people but how many wrong PINs each has had, in --state,
and locks whoever has had --attempts since the last right one; dta mpin unlock
lets them in again. Its secret, with somebody's stolen token, gives that person's
PIN away: keep it as you would keep a key. Beyond loopback it needs TLS.

--create makes the state, once, in a directory that is missing or empty. Every
other start refuses a state that is missing or has lost something, which would
unlock people; --accept-loss goes on without what is missing.`,
		Example: `  dta mpin server --secret door.secret --state /var/lib/door --create
  dta mpin server --secret door.secret --state /var/lib/door --listen 127.0.0.1:5610`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups := outlive()
			if file == "" || state == "" {
				return usagef("expected --secret FILE and --state DIR")
			}
			if attempts < 1 || attempts > 100 {
				return usagef("--attempts: expected 1 to 100; found %d", attempts)
			}
			options := ledger.Options{Attempts: attempts}
			if loss != "" {
				accepted, err := ledger.ParseLoss(loss)
				if err != nil {
					return usagef("--accept-loss: %w", err)
				}
				if create {
					return usagef("expected --create or --accept-loss; found both")
				}
				options.AcceptLoss = &accepted
			}
			config, err := serverTLS(cert, key)
			if err != nil {
				return err
			}
			if err := loopbackOrTLS(listen, config); err != nil {
				return err
			}
			s, err := credential.ReadServer(file)
			if err != nil {
				return err
			}
			defer s.Clear()
			log := hclog.New(&hclog.LoggerOptions{Name: "mpin", Level: hclog.Info, Output: a.err})
			defer hangups.log(log)()
			// Where it cannot listen no state is made.
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				return fault.New(fault.Unavailable, "%w", err)
			}
			defer listener.Close()
			of := ledger.Owner{Network: s.Network.String(), Server: s.Name}
			if create {
				if err := ledger.Create(cmd.Context(), state, of); err != nil {
					return datadir.Medium(state, err)
				}
			}
			l, err := ledger.Open(cmd.Context(), state, of, options)
			if err != nil {
				return datadir.Medium(state, err)
			}
			defer l.Close()
			if options.AcceptLoss != nil {
				log.Warn("loss accepted", "changes", options.AcceptLoss)
			}
			if distance {
				log.Warn("the log will tell by how much PINs are wrong (--log-distance): who knows what was entered has the right one")
			}
			door, err := server.New(server.Config{Secret: s, Ledger: l, LogDistance: distance, Log: log})
			if err != nil {
				return err
			}
			defer door.Close()
			a.ready(log, "%s ready on %s for network %s\n", fault.Foreign(s.Name), listener.Addr(), s.Network)
			return door.Serve(cmd.Context(), listener, config)
		},
	}
	c.Flags().StringVar(&file, "secret", "", "the server's `FILE`, from dta network enrol-server")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:5610", "the `ADDRESS` to answer on")
	c.Flags().StringVar(&cert, "tls-cert", "", "PEM `FILE` of the server's certificate")
	c.Flags().StringVar(&key, "tls-key", "", "PEM `FILE` of that certificate's private key")
	c.Flags().IntVar(&attempts, "attempts", 3, "how many wrong PINs in a row lock a person")
	c.Flags().BoolVar(&create, "create", false, "make the state, in a directory that is missing or empty")
	c.Flags().StringVar(&loss, "accept-loss", "", "go on although `N` changes of the state are missing: the number that the refusal printed, or unknown")
	c.Flags().BoolVar(&distance, "log-distance", false, "write to the log by how much a PIN was wrong")
	stateFlag(c, &state)
	for _, name := range []string{"tls-cert", "tls-key"} {
		_ = c.MarkFlagFilename(name, "pem", "crt", "key")
	}
	return c
}

// serverTLS is nil where no certificate is given.
func serverTLS(cert, key string) (*tls.Config, error) {
	if (cert == "") != (key == "") {
		return nil, usagef("expected both --tls-cert and --tls-key; found one of them")
	}
	if cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, usagef("--tls-cert, --tls-key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}, nil
}

func loopbackOrTLS(listen string, config *tls.Config) error {
	a, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return usagef("--listen: expected an address like 127.0.0.1:5610: %w", err)
	}
	if config == nil && !a.IP.IsLoopback() {
		return usagef("--listen %s: beyond loopback a server needs --tls-cert and --tls-key", listen)
	}
	return nil
}
