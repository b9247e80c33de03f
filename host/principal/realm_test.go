package principal_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
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

var ctx = context.Background()

// realm is a principal's node and the D-TAs that it knows. The courier does not
// run: what it would do, a test does.
type realm struct {
	*principal.Service
	t       *testing.T
	ahead   atomic.Int64
	path    string
	keys    *identity.Keyring
	dtas    []*dta
	peers   []*directory.Peer
	store   *store.Store
	records *records.Records
}

func newRealm(t *testing.T, n int) *realm {
	t.Helper()
	r := &realm{t: t, path: filepath.Join(t.TempDir(), "node.db"), keys: identitytest.Keyring(t, identity.Node, "principal", begin)}
	for i := range n {
		d := &dta{realm: r, alias: fmt.Sprintf("dta-%d", i+1), kept: make(map[dag.CID]peer.FulfilledOrder)}
		d.node = identitytest.Keyring(t, identity.Node, d.alias, begin)
		d.offers("vault", identitytest.Keyring(t, identity.Custody, "custody of "+d.alias, begin))
		r.dtas = append(r.dtas, d)
		r.peers = append(r.peers, d.peer())
	}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *realm) now() time.Time { return begin.Add(time.Duration(r.ahead.Load())) }

func (r *realm) advance(d time.Duration) { r.ahead.Add(int64(d)) }

// start opens the store and serves, as a process that begins does.
func (r *realm) start() {
	t := r.t
	t.Helper()
	r.store = must(store.Open(ctx, r.path, store.Options{Create: true}))(t)
	log := must(audit.Open(ctx, r.store))(t)
	log.SetSigner(audit.NewSigner(r.keys))
	r.records = records.New(records.Options{
		Store: r.store, Audit: log, Courier: courier.New(r.store, nil, courier.Options{Now: r.now}), Keys: r.keys,
		Clock: clock.New(r.store, r.now), Peers: r.peers, Log: hclog.NewNullLogger(),
	})
	r.records.Directory.Add(&directory.Peer{Alias: "self", Name: r.keys.Identity().Name})
	err := r.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Chain(r.keys.Identity()); err != nil {
			return err
		}
		return w.Audit("test.met", dag.CID{}, "", dag.CID{}, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Service = principal.New(r.records, "")
}

func (r *realm) stop() {
	r.Service.Close()
	r.store.Close()
}

// restart ends what this process has begun, and begins anew.
func (r *realm) restart() { r.t.Helper(); r.stop(); r.start() }

// request has a secret kept by all D-TAs.
func (r *realm) request() principal.Request {
	req := principal.Request{Secret: secret.Copy([]byte("the secret"))}
	for _, d := range r.dtas {
		req.Keepers = append(req.Keepers, principal.Keeper{Fiduciary: d.alias})
	}
	return req
}

// place makes a request, which is not to fail.
func (r *realm) place(req principal.Request) principal.Placed {
	r.t.Helper()
	return must(r.Place(ctx, req))(r.t)
}

// resume does what the courier does with an order.
func (r *realm) resume(ref string) error { return r.Resume(ctx, must(dag.Encode(ref))(r.t)) }

// wantState holds an order to a state, and the courier's job to it: there is one
// as long as nobody has decided.
func (r *realm) wantState(ref string, want order.State) records.Row {
	r.t.Helper()
	row := must(r.records.Row(ctx, principal.Role, ref))(r.t)
	var jobs int
	err := r.store.View(ctx, func(tx *store.Tx) (err error) {
		jobs, err = tx.CountJobs(records.JobFulfil)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if row.State != string(want) || (jobs > 0) != (want == order.Ordered) {
		r.t.Errorf("expected the order to be %s; found it %s, with %d jobs left", want, row.State, jobs)
	}
	return row
}

// audited counts the entries of a kind in the node's log.
func (r *realm) audited(kind string) (count int) {
	r.t.Helper()
	err := r.store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.AuditEntries(0, 10_000)
		for _, row := range rows {
			if e, err := audit.ParseEntry(row.Entry); err == nil && e.Kind == kind {
				count++
			}
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return count
}

func (r *realm) parties() *order.KnownParties {
	ids := []*identity.Identity{r.keys.Identity()}
	for _, d := range r.dtas {
		ids = append(ids, d.node.Identity(), d.custody.Identity())
	}
	return must(order.PartiesOf(ids...))(r.t)
}

// dta is a D-TA in this process. It accepts every order once, and then is
// whatever a test makes of it.
type dta struct {
	peer.Fiduciary // nothing else is asked of it
	realm          *realm
	alias          string
	node, custody  *identity.Keyring
	instance       string
	offer          *envelope.Sealed

	mu    sync.Mutex
	asked int                             // how often for an order
	kept  map[dag.CID]peer.FulfilledOrder // its answers
	away  error                           // what the way to it says, instead of bringing it the order
	bend  bend
}

// bend is what becomes of a D-TA's true answer on its way; nil: it arrives.
type bend func(ctx context.Context, req peer.FulfillOrder, answer peer.FulfilledOrder) (peer.FulfilledOrder, error)

func (d *dta) behaves(away error, b bend) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away, d.bend = away, b
}

func (d *dta) times() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// offers has the D-TA offer an instance under a custody identity.
func (d *dta) offers(instance string, custody *identity.Keyring) {
	d.instance, d.custody = instance, custody
	d.offer = must(offer.Make(d.node, offer.Body{
		Instance: instance, Type: "test", Custody: custody.Identity().Party(), Abilities: []string{"secret", "key", "network"}, Mode: order.Supervised,
		Limits: offer.Limits{Secret: 100, Fiduciaries: 3}, Versions: []uint64{1}, Suites: []string{seal.V2.Name},
	}, begin))(d.realm.t)
}

func (d *dta) peer() *directory.Peer {
	return &directory.Peer{Alias: d.alias, Name: d.node.Identity().Name, Pinned: []dag.CID{d.custody.Identity().Name}, Node: d, Fiduciary: d}
}

// Identity shows the node's documents.
func (d *dta) Identity(context.Context) (peer.Identity, error) {
	id := d.node.Identity()
	return peer.Identity{Document: id.Document.String(), Blocks: peer.NewBag(id.Blocks()...)}, nil
}

// Custody shows what it offers.
func (d *dta) Custody(context.Context) (peer.Custody, error) {
	return peer.Custody{
		Offers: []peer.Offer{{Instance: d.instance, OfferCID: d.offer.CID.String()}},
		Blocks: peer.NewBag(append(d.custody.Identity().Blocks(), d.offer.Block)...),
	}, nil
}

// FulfillOrder answers an order.
func (d *dta) FulfillOrder(ctx context.Context, req peer.FulfillOrder) (none peer.FulfilledOrder, err error) {
	d.mu.Lock()
	d.asked++
	away, bend := d.away, d.bend
	d.mu.Unlock()
	if away != nil {
		return none, away
	}
	answer, err := d.answer(req)
	if err == nil && bend != nil {
		return bend(ctx, req, answer)
	}
	return answer, err
}

// answer is the D-TA's true one: the first that it gave to the order.
func (d *dta) answer(req peer.FulfillOrder) (none peer.FulfilledOrder, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := dag.Parse(req.OrderPart1CID)
	if err != nil {
		return none, err
	}
	if was, ok := d.kept[c]; ok {
		return was, nil
	}
	block, ok := req.Blocks.Get(c)
	if !ok {
		return none, fault.New(fault.Invalid, "no order came")
	}
	who := d.realm.parties()
	o, err := order.OpenOrder(d.node, block, who)
	if err != nil {
		return none, err
	}
	sealed, err := d.accept(o, req.Blocks, d.realm.now())
	if err != nil {
		return none, err
	}
	d.kept[c] = answerOf(sealed.Block)
	return d.kept[c], nil
}

// accept keeps what an order says, and signs that it is kept.
func (d *dta) accept(o *order.VerifiedOrder, bag peer.Bag, at time.Time) (*envelope.Sealed, error) {
	name := d.custody.Identity().Name
	index, ok := o.Terms().IndexOf(name)
	if !ok {
		return nil, fault.New(fault.Denied, "it is another's")
	}
	c := o.SecretCommitment()
	var err error
	switch o.Terms().What {
	case order.Secret:
		share, ok := bag.Get(o.Shares()[index])
		if !ok {
			return nil, fault.New(fault.Invalid, "no share came")
		}
		if _, err := order.OpenShare(d.custody, o, index, share); err != nil {
			return nil, err
		}
	case order.Key:
		if c, err = order.ProveKey(o, name, o.Algorithm().New()); err != nil {
			return nil, err
		}
	case order.Network:
		if c, err = order.ProveShare(o, name, bls.RandomScalar()); err != nil {
			return nil, err
		}
	}
	return d.sign(o, index, c, at)
}

func (d *dta) sign(o *order.VerifiedOrder, index int, c order.Commitment, at time.Time) (*envelope.Sealed, error) {
	receipt := order.Receipt{
		Deposit: deposit.CID, Mode: order.Supervised, Type: "test", HostEnforced: o.Terms().Policy.Enforcement == order.HostEnforced,
	}
	return order.Accept(d.custody, o, index, c, receipt, nil, d.realm.parties(), at)
}

// deposit is that of every order.
var deposit = func() order.Block {
	block, err := order.PutDeposit([]byte("a deposit"))
	if err != nil {
		panic(err)
	}
	return block
}()

// answerOf is the answer that an acceptance makes.
func answerOf(block []byte) peer.FulfilledOrder {
	return peer.FulfilledOrder{OrderPart2CID: dag.Sum(block).String(), Blocks: peer.NewBag(block, deposit.Bytes)}
}

// blockOf is the acceptance in an answer.
func blockOf(t *testing.T, answer peer.FulfilledOrder) []byte {
	t.Helper()
	block, ok := answer.Blocks.Get(must(dag.Parse(answer.OrderPart2CID))(t))
	if !ok {
		t.Fatal("an answer without its acceptance")
	}
	return block
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

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if fault.Of(err) != kind {
		t.Errorf("expected %q; found %q, %v", kind, fault.Of(err), err)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("expected that %s", what)
}
