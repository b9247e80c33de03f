package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// drain is how long calls under way may take to finish when the node stops.
const drain = 3 * time.Second

// Serve listens until ctx ends, then drains and closes the node. ready is called
// with the address of every listener once the node has its identity and serves;
// until then the listeners show what it waits for.
func (n *Node) Serve(ctx context.Context, ready func(address string)) error {
	defer n.Close()
	listening, err := n.listen()
	if err != nil {
		return err
	}
	group, serving := errgroup.WithContext(ctx)
	for _, l := range listening {
		group.Go(func() error { return l.server.Serve(l.Listener, l.tls) })
	}
	group.Go(func() error {
		<-serving.Done()
		n.log.Info("stopping", "reason", context.Cause(serving))
		end, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		var all errgroup.Group
		for _, l := range listening {
			all.Go(func() error { return l.server.Shutdown(end) })
		}
		return all.Wait()
	})
	group.Go(func() error {
		if err := n.begin(serving, group, listening); err != nil {
			if ctx.Err() != nil {
				return nil // it was told to stop
			}
			return err
		}
		for _, l := range listening {
			if l.address != "" {
				ready(l.address)
			}
		}
		group.Go(func() error { n.recover(serving); return nil })
		group.Go(func() error { n.scrub.Run(serving); return nil })
		n.tidy(serving)
		return nil
	})
	return group.Wait()
}

// begin opens the identity, where that is still to be done, and has the listeners
// serve.
func (n *Node) begin(ctx context.Context, group *errgroup.Group, listening []listener) error {
	if n.keys == nil {
		if err := n.open(ctx); err != nil {
			return err
		}
	}
	n.watchAudit(ctx, group)
	if err := n.wire(); err != nil {
		return err
	}
	services := n.restServices()
	for _, l := range listening {
		l.server.Open(services)
	}
	n.courier.Start()
	return nil
}

// recover goes on with what an earlier process had begun. What cannot be
// finished now is left to the courier.
func (n *Node) recover(ctx context.Context) {
	for _, again := range []func(context.Context) error{n.principal.Recover, n.redeems.Recover, n.beneficiary.Recover} {
		if err := again(ctx); err != nil {
			n.log.Error("cannot go on with what was begun", "error", err)
		}
	}
}

// tidy forgets, once an hour, the requests that are older than their promise.
func (n *Node) tidy(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		now, err := n.clock.Now()
		if err == nil {
			err = n.store.Update(ctx, func(tx *store.Tx) error {
				_, err := tx.ExpireReplays(now.Add(-records.OnceLife).UnixMilli())
				return err
			})
		}
		if err != nil && ctx.Err() == nil {
			n.log.Warn("cannot tidy up", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watchAudit has the audit log verified, and waits a moment for it: a log of common
// length is known to be right, or in doubt, before the first call is answered.
func (n *Node) watchAudit(ctx context.Context, group *errgroup.Group) {
	begun := make(chan struct{})
	w := audit.Watcher{
		Log: n.audit, Store: n.store, Node: n.keys.Identity(), Logger: n.log,
		Doubt: func(err error) { n.health.Doubt("audit log", err) },
	}
	group.Go(func() error { w.Run(ctx, sync.OnceFunc(func() { close(begun) })); return nil })
	select {
	case <-begun:
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
}

type listener struct {
	net.Listener
	server  *rest.Server
	tls     *tls.Config
	address string // "" for the operator's socket
}

// listen opens every listener, or none.
func (n *Node) listen() (all []listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range all {
				l.Close()
			}
		}
	}()
	waiting := n.waiting()
	for _, c := range n.config.Listeners {
		faces := facesOf(c)
		l := listener{server: rest.NewWaiting(waiting, faces, n.log.Named("http"))}
		if l.tls, err = serverTLS(c.TLS, faces.Nodes); err != nil {
			return all, fmt.Errorf("listener %q: %w", c.Name, err)
		}
		open, err := net.Listen("tcp", c.Address)
		if err != nil {
			return all, fmt.Errorf("listener %q: %w", c.Name, err)
		}
		l.Listener = newBounded(open.(*net.TCPListener), share(len(n.config.Listeners)))
		l.address = l.Addr().String()
		all = append(all, l)
	}
	socket, err := n.operatorSocket()
	if err != nil {
		return all, fmt.Errorf("operator socket: %w", err)
	}
	return append(all, listener{Listener: socket, server: rest.NewWaiting(waiting, rest.Faces{Operator: true}, n.log.Named("operator"))}), nil
}

// operatorSocket listens on a socket that only this user can open. One left
// behind by a process that was killed is in nobody's use: the store's lock says
// that no other node runs here.
func (n *Node) operatorSocket() (net.Listener, error) {
	path := filepath.Join(n.config.Node.DataDir, operator.Socket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// facesOf is what a listener shows, and to whom.
func facesOf(c config.Listener) rest.Faces {
	return rest.Faces{
		Principals: c.For(config.Principals), Nodes: c.For(config.Nodes), Certified: c.TLS != nil && c.TLS.ClientCA != "",
	}
}

// serverTLS is how a listener meets those who call. Nodes show no certificate: where
// they are served too, a principal's is asked for by the API. There is no HTTP/2: it
// lets each connection make hundreds of requests at once.
func serverTLS(t *config.TLS, nodes bool) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("load the certificate: %w", err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
	if t.ClientCA != "" {
		pem, err := os.ReadFile(t.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("read the clients' authority: %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "%s: expected a PEM certificate", t.ClientCA)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
		if nodes {
			c.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	return c, nil
}

func (n *Node) restServices() rest.Services {
	return rest.Services{
		Records: n.records, Principal: n.principal, Registrar: n.registrar, Redeem: n.redeems, Beneficiary: n.beneficiary, Fiduciary: n.fiduciary,
		Custody: n.custody, Courier: n.courier, Ledger: n.Ledger(), Clock: n.Clock(), Config: n.config,
		Gateway: n.gateway(), Ready: n.ready, Describe: n.Describe, VerifyStore: n.checker.All, RenewPlugin: n.renewPlugin,
	}
}

// ready tells why the node should not be sent work, if it should not.
func (n *Node) ready() error {
	if err := n.clock.Check(); err != nil {
		return err
	}
	if err := n.store.Ready(); err != nil {
		return err
	}
	return n.health.Ready()
}

// Describe is the node's own identity for its operator.
func (n *Node) Describe() operator.Identity { return DescribeIdentity(n.keys.Identity()) }

// DescribeIdentity is an identity for an operator.
func DescribeIdentity(id *identity.Identity) operator.Identity {
	return operator.Identity{Name: id.Name.String(), Document: id.Document.String(), Reference: id.Doc.Reference, Kind: string(id.Doc.Kind)}
}
