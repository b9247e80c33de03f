// Package host wires a node together: its store and audit log, its custody
// plugins, its identity, the services of the roles it plays, and the listeners.
// Everything it wires lives in the packages below it; nothing is decided here.
//
// The life of a node: [Open] takes the store for itself, starts the plugins and
// opens the identity, which its seal plugin keeps; [Node.Serve] listens, and
// goes on with whatever an earlier process had begun; when its context ends it
// stops taking calls, lets those under way finish, ends the plugins and closes
// the store.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/health"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/registrar"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs/kubo"
)

// Options are what a node takes from its surroundings.
type Options struct {
	Log hclog.Logger
	Now func() time.Time // nil: time.Now
}

// Node is one running D-TA.
type Node struct {
	config  *config.Config
	log     hclog.Logger
	store   *store.Store
	clock   *clock.Clock
	now     func() time.Time
	audit   *audit.Log
	custody *custody.Set
	keys    *identity.Keyring
	health  *health.Board

	courier     *courier.Courier
	records     *records.Records
	ipfs        *kubo.Kubo // nil where the log is embedded
	principal   *principal.Service
	registrar   *registrar.Service
	redeems     *redemption.Service
	beneficiary *beneficiary.Service
	fiduciary   *fiduciary.Service
	services    []interface{ Close() } // to be closed in this order

	offersMu sync.Mutex
	offers   *offers
}

// Paths in the data directory.
const (
	StoreFile    = "node.db"
	runDirectory = "run"
)

// maxSocketPath is what the system takes as the path of a socket, in bytes.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// Open opens a node as far as its identity: the store, the audit log, the
// plugins. Close it when no longer needed.
func Open(ctx context.Context, c *config.Config, o Options) (_ *Node, err error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := &Node{config: c, log: o.Log, health: health.New()}
	n.offers = &offers{node: n, made: map[string]fiduciary.Standing{}, life: map[string]time.Time{}}
	dir := c.Node.DataDir
	defer func() {
		if err != nil {
			n.Close()
		}
		if errors.Is(err, store.ErrDamaged) {
			err = fault.New(fault.Internal, "%w: it does not mend itself; restore %s from a backup", err, filepath.Join(dir, StoreFile))
		}
	}()
	if n := len(filepath.Join(dir, operator.Socket)) - maxSocketPath; n > 0 {
		return nil, fault.New(fault.Invalid, "data directory %s: expected a path of at most %d bytes, since the operator's socket lies in it; found %d", dir, len(dir)-n, len(dir))
	}
	if err := private(dir); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if n.store, err = store.Open(ctx, filepath.Join(dir, StoreFile), store.Options{}); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	if n.audit, err = audit.Open(ctx, n.store); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	n.now = o.Now
	n.clock = clock.New(n.store, o.Now)
	n.custody, err = custody.Start(ctx, custody.Options{
		Plugins: c.Plugins, Book: book{n.store, n.audit, n.clock},
		RuntimeDir: runtimeDir(dir), Node: c.Node.Name, Log: o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("start the plugins: %w", err)
	}
	if n.keys, err = n.openIdentity(ctx); err != nil {
		return nil, err
	}
	n.audit.SetSigner(audit.NewSigner(n.keys))
	return n, nil
}

// private makes a directory that only its owner can enter, or makes it so.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// runtimeDir is where plugins' sockets live: in the data directory, or, where
// that path is too long for a socket's name, in a private temporary one.
func runtimeDir(data string) string {
	abs, err := filepath.Abs(filepath.Join(data, runDirectory))
	if err == nil && len(abs) < 60 {
		return abs
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("dta-%d-%s", os.Getuid(), dag.Sum([]byte(abs)).String()[8:24]))
}

// Identity is the node's own identity.
func (n *Node) Identity() *identity.Identity { return n.keys.Identity() }

// Custody is the node's plugins.
func (n *Node) Custody() *custody.Set { return n.custody }

// Config is what the node was opened with.
func (n *Node) Config() *config.Config { return n.config }

// Ledger is the node's audit log, for its operator.
func (n *Node) Ledger() operator.Ledger {
	return operator.Ledger{Store: n.store, Audit: n.audit, Node: n.keys.Identity()}
}

// Clock is what the node goes by, for its operator.
func (n *Node) Clock() operator.Clock { return operator.Clock{Clock: n.clock, Audit: n.audit} }

// Close ends what runs, what uses before what is used, and closes the store. It
// may be called on a node that was opened in part, and again.
func (n *Node) Close() error {
	if n.courier != nil {
		n.courier.Stop()
	}
	for _, service := range n.services {
		service.Close()
	}
	if n.custody != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		n.custody.Stop(ctx)
		cancel()
	}
	var err error
	if n.store != nil {
		err = n.store.Close()
	}
	if n.keys != nil {
		n.keys.Clear()
	}
	n.config.Clear()
	return err
}
