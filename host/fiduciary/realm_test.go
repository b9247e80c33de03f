package fiduciary_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// begin is when every test begins: 2027-01-15, 08:00 UTC.
var begin = time.UnixMilli(1_800_000_000_000)

// watch is the clock of all parties.
type watch struct{ ahead atomic.Int64 }

func (w *watch) now() time.Time { return begin.Add(time.Duration(w.ahead.Load())) }

func (w *watch) advance(d time.Duration) { w.ahead.Add(int64(d)) }

// realm is a cast: a registrar; a co-signer, who must sign for servers too, and
// alone may sign for permits; a delegate; a stranger; and D-TAs.
type realm struct {
	watch
	t                                       testing.TB
	registrar, cosigner, delegate, stranger *identity.Keyring
	dtas                                    []*dta
}

// dta is a node with a store of its own, and its plugin.
type dta struct {
	*fiduciary.Service
	realm   *realm
	path    string
	node    *identity.Keyring
	plugin  *plugin
	offer   *envelope.Sealed
	store   *store.Store
	records *records.Records
	told    *inbox // what the registrar was told
}

// inbox is where the registrar's node takes notices.
type inbox struct {
	mu      sync.Mutex
	notices []peer.Notice
}

func (i *inbox) take(_ context.Context, n peer.Notice) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.notices = append(i.notices, n)
	return nil
}

// noRoom is a registrar who is shown nothing beside a notice: what comes with one
// must do.
func noRoom(context.Context, ...[][]byte) error {
	return fault.New(fault.Unavailable, "expected all documents to come with the notice")
}

func (i *inbox) list() []peer.Notice {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.notices)
}

func newRealm(t testing.TB, n int) *realm {
	t.Helper()
	r := &realm{
		t:         t,
		registrar: identitytest.Keyring(t, identity.Node, "registrar", begin),
		cosigner:  identitytest.Keyring(t, identity.Node, "cosigner", begin),
		delegate:  identitytest.Keyring(t, identity.Node, "delegate", begin),
		stranger:  identitytest.Keyring(t, identity.Node, "stranger", begin),
	}
	for i := range n {
		d := &dta{
			realm: r, path: filepath.Join(t.TempDir(), "node.db"), told: new(inbox),
			node:   identitytest.Keyring(t, identity.Node, fmt.Sprintf("node %d", i), begin),
			plugin: &plugin{keys: identitytest.Keyring(t, identity.Custody, fmt.Sprintf("custody %d", i), begin), now: r.now},
		}
		d.offer = must(offer.Make(d.node, offer.Body{
			Instance: "vault", Type: "test", Custody: d.plugin.keys.Identity().Party(), Abilities: []string{"network"}, Mode: order.Supervised,
			Limits: offer.Limits{Secret: order.MaxSecret, Fiduciaries: order.MaxFiduciaries}, Versions: []uint64{1}, Suites: []string{seal.V2.Name},
		}, r.now()))(t)
		d.start()
		r.dtas = append(r.dtas, d)
	}
	return r
}

// start opens the store and serves, as a process that begins does.
func (d *dta) start() {
	t, ctx := d.realm.t, context.Background()
	t.Helper()
	d.store = must(store.Open(ctx, d.path, store.Options{Create: true}))(t)
	log := must(audit.Open(ctx, d.store))(t)
	log.SetSigner(audit.NewSigner(d.node))
	c := clock.New(d.store, d.realm.now)
	var service *fiduciary.Service
	var r *records.Records
	work := courier.New(d.store, map[string]courier.Handler{
		records.JobNotice: func(ctx context.Context, j courier.Job) error { return service.Tell(ctx, j.Payload) },
		records.JobForget: func(ctx context.Context, _ courier.Job) error { return r.Forget(ctx) },
	}, courier.Options{Now: d.realm.now})
	r = records.New(records.Options{
		Store: d.store, Audit: log, Courier: work, Keys: d.node, Clock: c, Log: hclog.NewNullLogger(),
		Peers: []*directory.Peer{{Alias: "registrar", Name: d.realm.registrar.Identity().Name, Notify: d.told.take, Show: noRoom}},
	})
	service = fiduciary.New(fiduciary.Options{
		Records: r, Instances: []fiduciary.Custodian{d.plugin}, Principals: []dag.CID{d.realm.registrar.Identity().Name},
		Offers: func() []fiduciary.Standing {
			return []fiduciary.Standing{{Instance: "vault", Custody: d.plugin.Identity(), Offer: d.offer.CID, Block: d.offer.Block}}
		},
	})
	d.records, d.Service = r, service
	d.meet(d.node.Identity(), d.plugin.Identity())
	work.Start()
	t.Cleanup(d.stop(work, service, d.store))
}

// meet puts identities on record, as an enrolment does that of a plugin.
func (d *dta) meet(ids ...*identity.Identity) {
	d.realm.t.Helper()
	err := d.records.Write(context.Background(), func(w *records.Writer) error {
		for _, id := range ids {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		return w.Audit("test.met", dag.CID{}, "", dag.CID{}, "")
	})
	if err != nil {
		d.realm.t.Fatal(err)
	}
}

func (d *dta) stop(work *courier.Courier, service *fiduciary.Service, s *store.Store) func() {
	return func() {
		work.Stop()
		service.Close()
		s.Close()
	}
}

// restart closes what this process has of the store, and opens it again.
func (d *dta) restart() {
	d.realm.t.Helper()
	d.Service.Close()
	d.records.Courier.Stop()
	if err := d.store.Close(); err != nil {
		d.realm.t.Fatal(err)
	}
	d.start()
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

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if fault.Of(err) != kind {
		t.Errorf("expected %q; found %q, %v", kind, fault.Of(err), err)
	}
}

// network is one that the realm's D-TAs serve.
type network struct {
	*realm
	*issue.Network
}

func (r *realm) terms(permits bool) *order.NetworkTerms {
	registrar, cosigner := r.registrar.Identity().Name, r.cosigner.Identity().Name
	both := []dag.CID{registrar, cosigner}
	slices.SortFunc(both, dag.CID.Compare)
	n := &order.NetworkTerms{
		SubjectKey: make([]byte, order.SubjectKeySize),
		Version:    order.NetworkVersion, Name: "lab", Suite: mpin.V1.Name, Sharing: order.Additive, Permits: permits,
		Authority: []order.Rule{
			{Kind: order.ClientSecret, Names: []dag.CID{registrar}, Threshold: 1},
			{Kind: order.ServerSecret, Names: both, Threshold: 2},
			{Kind: order.TimePermit, Names: []dag.CID{cosigner}, Threshold: 1},
		},
	}
	if permits {
		n.MaxDays = 31
	}
	return n
}

// place orders a network of some D-TAs.
func (r *realm) place(terms *order.NetworkTerms, of ...*dta) *order.Placed {
	r.t.Helper()
	p := order.Plan{What: order.Network, Network: terms, T: len(of), Redeemers: []*identity.Identity{r.registrar.Identity(), r.cosigner.Identity()}}
	for _, d := range of {
		p.Fiduciaries = append(p.Fiduciaries, order.Choice{Custody: d.plugin.Identity(), Node: d.node.Identity(), Offer: d.offer.CID})
	}
	return must(order.Place(r.registrar, p, nil, r.now()))(r.t)
}

// everybody are the documents of all parties, as a caller shows them.
func (r *realm) everybody(more ...*identity.Identity) (bag peer.Bag) {
	for _, k := range []*identity.Keyring{r.registrar, r.cosigner} {
		bag.Add(k.Identity().Blocks()...)
	}
	for _, d := range r.dtas {
		bag.Add(d.node.Identity().Blocks()...)
		bag.Add(d.plugin.Identity().Blocks()...)
	}
	for _, id := range more {
		bag.Add(id.Blocks()...)
	}
	return bag
}

func (r *realm) parties() *order.KnownParties {
	ids := []*identity.Identity{r.registrar.Identity(), r.cosigner.Identity(), r.delegate.Identity(), r.stranger.Identity()}
	for _, d := range r.dtas {
		ids = append(ids, d.node.Identity(), d.plugin.Identity())
	}
	return must(order.PartiesOf(ids...))(r.t)
}

// found has all D-TAs of the realm accept a network.
func (r *realm) found(permits bool) *network {
	r.t.Helper()
	return r.foundOf(permits, r.dtas...)
}

func (r *realm) foundOf(permits bool, of ...*dta) *network {
	r.t.Helper()
	placed, who := r.place(r.terms(permits), of...), r.parties()
	o := must(order.MadeOrder(placed.Envelope, who))(r.t)
	var acceptances []*order.VerifiedAcceptance
	for _, d := range of {
		answer := must(d.FulfillOrder(context.Background(), peer.FulfillOrder{
			OrderPart1CID: o.CID().String(), Blocks: r.everybody().With(o.Block()),
		}))(r.t)
		block, _ := answer.Blocks.Get(must(dag.Parse(answer.OrderPart2CID))(r.t))
		acceptances = append(acceptances, must(order.OpenAcceptance(r.registrar, o, block, who))(r.t))
	}
	return &network{r, must(issue.NewNetwork(o, acceptances, who))(r.t)}
}
