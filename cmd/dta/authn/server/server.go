// Package server is dta's example authentication server: M-Pin in two passes and
// M-Pin Full over HTTP, as package authn has it.
//
// It keeps nothing about people but how many wrong PINs each has had (package
// ledger). What it holds is one secret, with which a stolen token's PIN is found:
// keep the server's machine as you would keep a key.
//
// What bounds an attacker:
//
//   - A try is spent on disk before it is looked at, so that neither parallel
//     sessions nor a restart give more than Attempts guesses at a PIN.
//   - Only a wrong PIN with the person's own token spends a try for good, which
//     the server can tell by the distance: others cannot lock anybody out. What
//     else a thief enters tells him nothing (mpin.Session.TriedPIN). Where a
//     network's suite lets a thief hide the distance, every rejection counts.
//   - All other failures are throttled by where they come from.
//   - Sessions are few, short and answer once; computing is done by as many at a
//     time as there are processors.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Config is what a server is made of.
type Config struct {
	// Secret is the server's file. The server takes a copy of its secret.
	Secret *credential.Server
	// Ledger counts; it stays the caller's.
	Ledger *ledger.Ledger
	// LogDistance writes to the log by how much a PIN was wrong: who knows what was
	// entered has the right one.
	LogDistance bool
	// LoggedIn, when set, is told of every login. It must be quick.
	LoggedIn func(Login)
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	Log hclog.Logger
	// Limits, where zero, are those of Defaults.
	Limits Limits
}

// Login is a person who has logged in.
type Login struct {
	Name      string
	Enrolment uint64
	// Key is what follows can be protected with, in M-Pin Full; else nil. It is
	// cleared when LoggedIn returns.
	Key *secret.Bytes
}

// Limits bound what the server does at a time.
type Limits struct {
	Sessions  int           // open at once
	PerRemote int           // of these from one address
	Life      time.Duration // of a session, per step
	Workers   int           // computing at once
	Waiting   int           // for a worker
	PerName   int           // of these for one subject
	Failures  int           // that an address may have in a row
	Forgive   time.Duration // after which one of them is forgotten
}

// Defaults are the limits of a server on this machine.
func Defaults() Limits {
	return Limits{
		Sessions: 4096, PerRemote: 256, Life: time.Minute,
		Workers: runtime.NumCPU(), Waiting: 256, PerName: 16,
		Failures: 60, Forgive: 2 * time.Second,
	}
}

// Server is an authentication server.
type Server struct {
	secret.Hidden
	config   Config
	realm    credential.Realm
	verifier *mpin.Server
	countAll bool // rejections of which no distance is found, too
	sessions *sessions
	work     *work
	throttle *throttle
	http     *http.Server
}

// New makes a server.
func New(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Limits == (Limits{}) {
		c.Limits = Defaults()
	}
	verifier, err := c.Secret.Suite.NewServer(c.Secret.Secret)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	s := &Server{
		config: c, realm: c.Secret.Realm, verifier: verifier,
		countAll: !c.Secret.Suite.BindsDistance(),
		sessions: newSessions(c.Limits, c.Now),
		work:     newWork(c.Limits),
		throttle: newThrottle(c.Limits, c.Now),
	}
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          c.Log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	return s, nil
}

// stopTime is how long requests under way may take when the server is to stop.
const stopTime = 10 * time.Second

// Serve answers on a listener until ctx ends, then lets what is under way finish.
// Without TLS it serves loopback only.
func (s *Server) Serve(ctx context.Context, l net.Listener, t *tls.Config) error {
	if a, ok := l.Addr().(*net.TCPAddr); t == nil && (!ok || !a.IP.IsLoopback()) {
		return fault.New(fault.Invalid, "listen on %s: beyond loopback a server needs TLS", l.Addr())
	}
	if t != nil {
		l = tls.NewListener(l, t)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := s.http.Shutdown(stopping)
	if err != nil {
		err = s.http.Close()
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}

// Close overwrites what is secret.
func (s *Server) Close() {
	s.sessions.clear()
	s.verifier.Clear()
}
