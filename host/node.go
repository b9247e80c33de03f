// Package host wires a node together: its store and audit log, its custody
// plugins, its identity, the services of the roles it plays, and the listeners.
// Everything it wires lives in the packages below it; nothing is decided here.
//
// The life of a node: [Init] makes its data directory and its identity, once.
// [Open] takes the state for itself, starts the plugins and opens the identity,
// which its seal plugin keeps; [Node.Serve] listens, and goes on with whatever an
// earlier process had begun; when its context ends it stops taking calls, lets
// those under way finish, ends the plugins and closes the state.
package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/health"
	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/registrar"
	"github.com/milagro-dta/dta/host/scrub"
	"github.com/milagro-dta/dta/host/state"
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
	// Only names the plugins that a command without a running node needs beside
	// the seal's; none of them enrols itself. Nil: all, as for serving.
	Only []string
	// Wait leaves the identity to Serve, which listens meanwhile, and waits for the
	// seal's plugin for as long as it takes.
	Wait bool
}

// Node is one running D-TA.
type Node struct {
	config  *config.Config
	log     hclog.Logger
	state   *state.State
	store   *store.Store // the state's, as is audit
	clock   *clock.Clock
	now     func() time.Time
	audit   *audit.Log
	custody *custody.Set
	keys    *identity.Keyring
	health  *health.Board

	waits    bool
	unopened atomic.Pointer[error] // why the identity is not open yet

	courier     *courier.Courier
	records     *records.Records
	scrub       *scrub.Scrub
	checker     *scrub.Checker
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

// runDirectory is where plugins' sockets live in the data directory.
const runDirectory = "run"

// maxSocketPath is what the system takes as the path of a socket, in bytes.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// Open opens a node as far as its identity: the state, the plugins. Close it when
// no longer needed. A node that was never made, and one that has lost what it
// acknowledged, is refused.
func Open(ctx context.Context, c *config.Config, o Options) (_ *Node, err error) {
	n := newNode(c, o)
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if err := fits(c.Node.DataDir); err != nil {
		return nil, err
	}
	if n.state, err = state.Open(ctx, c.Node.DataDir); err != nil {
		return nil, err
	}
	n.state.Report(n.doubtDirectory)
	if torn := n.state.Store.TornFrames(); torn > 0 {
		n.log.Warn("torn frames of the write-ahead log dropped; nothing acknowledged was in them", "frames", torn)
	}
	if err := n.start(ctx, o.Only); err != nil {
		return nil, err
	}
	if n.waits = o.Wait; n.waits {
		return n, nil
	}
	return n, n.open(ctx)
}

// doubtDirectory takes no new orders while the data directory is unreliable.
func (n *Node) doubtDirectory(err error) {
	if err != nil {
		n.log.Error("data directory unreliable", "error", err)
	}
	n.health.Doubt("data directory", err)
}

// open opens the identity.
func (n *Node) open(ctx context.Context) (err error) {
	if n.keys, err = n.openIdentity(ctx); err != nil {
		return err
	}
	n.audit.SetSigner(audit.NewSigner(n.keys))
	return nil
}

// Init makes a node: its data directory, which must be missing or empty, its
// database and its identity, under the plugin that the configuration names in
// seal. No other plugin is started, and none is enrolled. Where it fails, nothing
// is left of it.
func Init(ctx context.Context, c *config.Config, o Options) (_ *identity.Identity, err error) {
	n := newNode(c, o)
	defer n.Close()
	if err := fits(c.Node.DataDir); err != nil {
		return nil, err
	}
	made, err := state.Create(ctx, c.Node.DataDir)
	if err != nil {
		return nil, err
	}
	n.state = made
	defer func() {
		if err != nil {
			n.stop()
			n.state = nil
			err = datadir.Medium(c.Node.DataDir, err)
			if e := made.Discard(); e != nil {
				n.log.Warn("cannot clear away an unfinished data directory", "error", e)
			}
		}
	}()
	if err := n.start(ctx, []string{}); err != nil {
		return nil, err
	}
	if n.keys, err = n.makeIdentity(ctx); err != nil {
		return nil, err
	}
	// Only now: a realm that a node never made would have is nobody's to give back.
	if err := n.claimSeal(ctx); err != nil {
		return nil, err
	}
	if err := made.Done(); err != nil {
		return nil, err
	}
	return n.keys.Identity(), nil
}

// claimTime bounds how long the seal's plugin may take to claim its realm.
const claimTime = 30 * time.Second

// claimSeal gives the seal's realm to the node that was just made. Told to stop, it
// goes on: a realm that a discarded node has would be refused to the next.
func (n *Node) claimSeal(ctx context.Context) error {
	name := n.config.Node.Seal
	if name == "" {
		return nil
	}
	vault, err := n.custody.Instance(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	return vault.Claim(ctx, n.keys.Identity().Name)
}

func newNode(c *config.Config, o Options) *Node {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := &Node{config: c, log: o.Log, now: o.Now, health: health.New()}
	n.offers = &offers{node: n, made: map[string]fiduciary.Standing{}, life: map[string]time.Time{}}
	return n
}

// start starts the plugins: all, or the seal's and those named.
func (n *Node) start(ctx context.Context, only []string) (err error) {
	n.store, n.audit = n.state.Store, n.state.Audit
	n.clock = clock.New(n.store, n.now)
	plugins := n.config.Plugins
	if only != nil {
		plugins = nil
		for _, p := range n.config.Plugins {
			if p.Name == n.config.Node.Seal || slices.Contains(only, p.Name) {
				p.SelfEnrol = false
				plugins = append(plugins, p)
			}
		}
	}
	n.custody, err = custody.Start(ctx, custody.Options{
		Plugins: plugins, Book: book{n.store, n.audit, n.clock},
		RuntimeDir: runtimeDir(n.config.Node.DataDir), Node: n.config.Node.Name, Log: n.log,
		Tenant: n.state.Node(), Serving: only == nil, Seal: n.config.Node.Seal,
		Health: n.health, Needed: slices.Concat(n.served(), []string{n.config.Node.Seal}), Enrolled: n.served(),
	})
	if err != nil {
		return fmt.Errorf("start the plugins: %w", err)
	}
	return nil
}

// fits refuses a data directory whose path leaves no room for the operator's socket.
func fits(dir string) error {
	if over := len(filepath.Join(dir, operator.Socket)) - maxSocketPath; over > 0 {
		return fault.New(fault.Invalid, "data directory %s: expected a path of at most %d bytes, since the operator's socket lies in it; found %d", dir, len(dir)-over, len(dir))
	}
	return nil
}

// runtimeDir is where plugins' sockets live: in the data directory, or, where
// that path is too long for a socket's name, or a plugin's handshake line would
// be cut in it, in a private temporary one.
func runtimeDir(data string) string {
	abs, err := filepath.Abs(filepath.Join(data, runDirectory))
	if err == nil && len(abs) < 60 && !strings.ContainsAny(abs, "|\r\n") {
		return abs
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("dta-%d-%s", os.Getuid(), dag.Sum([]byte(abs)).String()[8:24]))
}

// Identity is the node's own identity, once it is open.
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

// Close ends what runs, what uses before what is used, and closes the state. It
// may be called on a node that was opened in part, and again.
func (n *Node) Close() error {
	n.stop()
	var err error
	if n.state != nil {
		err = n.state.Close()
	}
	return err
}

// stop ends what runs over the state.
func (n *Node) stop() {
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
	if n.keys != nil {
		n.keys.Clear()
	}
	n.config.Clear()
}
