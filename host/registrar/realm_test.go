//go:build linux

package registrar_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
	"github.com/milagro-dta/dta/host/registrar"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// begin is when every test begins: 2027-01-15, 08:00 UTC.
var begin = time.UnixMilli(1_800_000_000_000)

// realm is nodes in this process that reach each other over HTTP: a registrar, a
// co-signer, a delegate, and D-TAs that serve the registrar.
type realm struct {
	t                             *testing.T
	started                       time.Time
	ahead                         atomic.Int64
	registrar, cosigner, delegate *node
	dtas                          []*node
}

func (r *realm) now() time.Time {
	return begin.Add(time.Since(r.started) + time.Duration(r.ahead.Load()))
}

// advance lets time go by, at all nodes.
func (r *realm) advance(d time.Duration) { r.ahead.Add(int64(d)) }

func (r *realm) nodes() []*node {
	return append([]*node{r.registrar, r.cosigner, r.delegate}, r.dtas...)
}

// node is one of them. Everything but the keys and the store's file ends with stop.
type node struct {
	realm  *realm
	alias  string
	keys   *identity.Keyring
	next   *sign.PrivateKey // announced, for replaceKey
	path   string
	plugin *plugin // of a D-TA
	offer  *envelope.Sealed
	server *httptest.Server
	client *rig.Client
	down   atomic.Bool

	mu      sync.Mutex
	handler http.Handler
	bend    func(peer.FulfilledRequest) peer.FulfilledRequest // what its host answers instead
	accept  func(peer.FulfilledOrder) peer.FulfilledOrder

	store     *store.Store
	records   *records.Records
	registrar *registrar.Service
	closers   []func()
}

func newRealm(t *testing.T, n int) *realm {
	t.Helper()
	r := &realm{t: t, started: time.Now()}
	r.registrar, r.cosigner, r.delegate = r.node("registrar"), r.node("cosigner"), r.node("delegate")
	for i := range n {
		d := r.node(fmt.Sprintf("dta-%d", i+1))
		d.plugin = &plugin{keys: identitytest.Keyring(t, identity.Custody, "custody of "+d.alias, begin), now: r.now}
		d.offer = must(offer.Make(d.keys, offer.Body{
			Instance: "vault", Type: "test", Custody: d.plugin.keys.Identity().Party(), Abilities: []string{"network"}, Mode: order.Supervised,
			Limits: offer.Limits{Secret: order.MaxSecret, Fiduciaries: order.MaxFiduciaries}, Versions: []uint64{1}, Suites: []string{seal.V2.Name},
		}, r.now()))(t)
		r.dtas = append(r.dtas, d)
	}
	for _, n := range r.nodes() {
		n.start()
		t.Cleanup(n.stop)
	}
	return r
}

func (r *realm) node(alias string) *node {
	keys, next, err := identity.Create(identity.Node, alias, begin)
	if err != nil {
		r.t.Fatal(err)
	}
	n := &node{realm: r, alias: alias, keys: keys, next: next, path: filepath.Join(r.t.TempDir(), "node.db")}
	n.server = httptest.NewServer(http.HandlerFunc(n.serve))
	r.t.Cleanup(n.server.Close)
	n.client = rig.NewClient(n.server.URL)
	r.t.Cleanup(n.client.Forget)
	return n
}

// serve answers as the process would: one that is down ends the connection.
func (n *node) serve(w http.ResponseWriter, req *http.Request) {
	n.mu.Lock()
	handler := n.handler
	n.mu.Unlock()
	if handler == nil || n.down.Load() {
		panic(http.ErrAbortHandler)
	}
	handler.ServeHTTP(w, req)
}

// start opens the store and serves, as a process that begins does.
func (n *node) start() {
	t, ctx := n.realm.t, context.Background()
	t.Helper()
	n.store = must(store.Open(ctx, n.path, store.Options{Create: true}))(t)
	log := must(audit.Open(ctx, n.store))(t)
	log.SetSigner(audit.NewSigner(n.keys))
	var s rest.Services
	work := courier.New(n.store, map[string]courier.Handler{
		records.JobFulfil: func(ctx context.Context, j courier.Job) error { return s.Principal.Resume(ctx, j.Payload) },
		records.JobRevoke: func(ctx context.Context, j courier.Job) error { return s.Registrar.Resume(ctx, j.Payload) },
		records.JobNotice: func(ctx context.Context, j courier.Job) error { return s.Fiduciary.Tell(ctx, j.Payload) },
		records.JobForget: func(ctx context.Context, _ courier.Job) error { return n.records.Forget(ctx) },
	}, courier.Options{Now: n.realm.now})
	n.records = records.New(records.Options{
		Store: n.store, Audit: log, Courier: work, Keys: n.keys, Clock: clock.New(n.store, n.realm.now),
		Log: hclog.NewNullLogger(), Peers: n.peers(), Network: n.realm,
	})
	s = rest.Services{
		Records: n.records, Principal: principal.New(n.records, ""), Registrar: registrar.New(n.records), Redeem: redemption.New(n.records, principal.Role),
		Beneficiary: beneficiary.New(n.records), Courier: work, Config: &config.Config{}, Gateway: http.NotFoundHandler(),
	}
	n.registrar = s.Registrar
	n.closers = []func(){work.Stop, s.Principal.Close, s.Registrar.Close, s.Redeem.Close, s.Beneficiary.Close}
	met := []*identity.Identity{n.keys.Identity()}
	if n.plugin != nil {
		met = append(met, n.plugin.Identity())
		s.Fiduciary = fiduciary.New(fiduciary.Options{
			Records: n.records, Instances: []fiduciary.Custodian{n.plugin}, Principals: []dag.CID{n.realm.registrar.keys.Identity().Name},
			Offers: func() []fiduciary.Standing {
				return []fiduciary.Standing{{Instance: "vault", Custody: n.plugin.Identity(), Offer: n.offer.CID, Block: n.offer.Block}}
			},
		})
		n.closers = append(n.closers, s.Fiduciary.Close)
	}
	n.meet(met...)
	n.mu.Lock()
	n.handler = rest.New(s, rest.Faces{Principals: true, Nodes: true}, hclog.NewNullLogger()).Handler()
	n.mu.Unlock()
	work.Start()
	if err := s.Principal.Recover(ctx); err != nil {
		t.Fatal(err)
	}
}

// meet puts identities on record.
func (n *node) meet(ids ...*identity.Identity) {
	n.realm.t.Helper()
	err := n.records.Write(context.Background(), func(w *records.Writer) error {
		for _, id := range ids {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		return w.Audit("test.met", dag.CID{}, "", dag.CID{}, "")
	})
	if err != nil {
		n.realm.t.Fatal(err)
	}
}

func (n *node) stop() {
	n.mu.Lock()
	was := n.handler
	n.handler = nil
	n.mu.Unlock()
	if was == nil {
		return
	}
	for _, end := range n.closers {
		end()
	}
	if err := n.store.Close(); err != nil {
		n.realm.t.Error(err)
	}
}

// replaceKey gives a node that is stopped the key that its document announced.
func (n *node) replaceKey() {
	n.realm.t.Helper()
	var err error
	if n.keys, n.next, err = n.keys.Rotate(n.next, n.realm.now()); err != nil {
		n.realm.t.Fatal(err)
	}
}

func (n *node) restart() { n.realm.t.Helper(); n.stop(); n.start() }

// peers are all nodes, as a configuration names them.
func (n *node) peers() (all []*directory.Peer) {
	for _, other := range n.realm.nodes() {
		c := must(peer.NewClient(other.server.URL, nil))(n.realm.t)
		alias := other.alias
		if other == n {
			alias = "self"
		}
		p := &directory.Peer{Alias: alias, Name: other.keys.Identity().Name, Node: c, Fiduciary: &line{c, other}, Notify: c.Notice, Show: c.Show, Document: c.Document}
		if other.plugin != nil {
			p.Pinned = []dag.CID{other.plugin.Identity().Name}
		}
		all = append(all, p)
	}
	return all
}

// line is the way to a D-TA whose host may bend what it answers.
type line struct {
	*peer.Client
	to *node
}

func (l *line) FulfillRequest(ctx context.Context, req peer.FulfillRequest) (peer.FulfilledRequest, error) {
	out, err := l.Client.FulfillRequest(ctx, req)
	l.to.mu.Lock()
	bend := l.to.bend
	l.to.mu.Unlock()
	if err == nil && bend != nil {
		out = bend(out)
	}
	return out, err
}

func (l *line) FulfillOrder(ctx context.Context, req peer.FulfillOrder) (peer.FulfilledOrder, error) {
	out, err := l.Client.FulfillOrder(ctx, req)
	l.to.mu.Lock()
	accept := l.to.accept
	l.to.mu.Unlock()
	if err == nil && accept != nil {
		out = accept(out)
	}
	return out, err
}

// bends has a D-TA's host answer requests otherwise; nil: as it is.
func (n *node) bends(how func(peer.FulfilledRequest) peer.FulfilledRequest) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bend = how
}

// Get finds what a node has published, as the log does.
func (r *realm) Get(ctx context.Context, c dag.CID) ([]byte, error) {
	for _, n := range r.nodes() {
		var block []byte
		public := false
		err := n.store.View(ctx, func(tx *store.Tx) (err error) {
			block, public, _, err = tx.Block(c)
			return err
		})
		if err == nil && public {
			return block, nil
		}
	}
	return nil, fault.New(fault.NotFound, "block %s", c)
}

// audited counts the entries of a kind in a node's log.
func (n *node) audited(kind string) int { n.realm.t.Helper(); return n.auditedOf(kind, dag.CID{}) }

// auditedOf counts those of an actor; undefined: of anybody.
func (n *node) auditedOf(kind string, actor dag.CID) (count int) {
	n.realm.t.Helper()
	err := n.store.View(context.Background(), func(tx *store.Tx) error {
		rows, err := tx.AuditEntries(0, 10_000)
		for _, row := range rows {
			if e, err := audit.ParseEntry(row.Entry); err == nil && e.Kind == kind && (!actor.Defined() || e.Actor == actor) {
				count++
			}
		}
		return err
	})
	if err != nil {
		n.realm.t.Fatal(err)
	}
	return count
}

// must(f())(t) is f's value, or the end of the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("expected that %s", what)
}

// refused wants an answer of a status and kind.
func refused(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	var p *rig.Problem
	if !errors.As(err, &p) || p.HTTP != kind.HTTP() || p.Kind != string(kind) || p.Detail == "" {
		t.Errorf("expected %d %s; found %v", kind.HTTP(), kind, err)
	}
}

// enrolled are the names that the registrar's node has on record.
func (n *node) enrolled(ref string) (names []string) {
	n.realm.t.Helper()
	err := n.store.View(context.Background(), func(tx *store.Tx) error {
		found, err := tx.Enrolments(registrar.Role, ref, "", 0, 1000)
		for _, e := range found {
			p := must(n.records.OpenPerson(e))(n.realm.t)
			names = append(names, p.Name)
		}
		return err
	})
	if err != nil {
		n.realm.t.Fatal(err)
	}
	return names
}

// waiting counts the jobs of a kind that the node's courier still has to do.
func (n *node) waiting(kind string) (count int, err error) {
	return count, n.store.View(context.Background(), func(tx *store.Tx) error {
		count, err = tx.CountJobs(kind)
		return err
	})
}

// status is that of a refusal, 0 for none.
func status(err error) int {
	if p := rig.Refusal(err); p != nil {
		return p.HTTP
	}
	return 0
}
