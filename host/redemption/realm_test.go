package redemption_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/principal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/redemption"
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

// begin is the time of every test: 2027-01-15, 08:00 UTC.
var begin = time.UnixMilli(1_800_000_000_000)

func now() time.Time { return begin }

// realm is a principal's node and the D-TAs that keep its secrets. The courier
// does not run.
type realm struct {
	t         *testing.T
	keys      *identity.Keyring
	dtas      []*dta
	records   *records.Records
	principal *principal.Service
	redeem    *redemption.Service
}

func newRealm(t *testing.T, n int) *realm {
	t.Helper()
	r := &realm{t: t, keys: identitytest.Keyring(t, identity.Node, "principal", begin)}
	var peers []*directory.Peer
	for i := range n {
		alias := fmt.Sprintf("dta-%d", i+1)
		d := &dta{
			realm: r, kept: make(map[dag.CID]*kept), node: identitytest.Keyring(t, identity.Node, alias, begin),
			custody: identitytest.Keyring(t, identity.Custody, "custody of "+alias, begin),
		}
		r.dtas = append(r.dtas, d)
		peers = append(peers, &directory.Peer{
			Alias: alias, Name: d.node.Identity().Name, Pinned: []dag.CID{d.custody.Identity().Name}, Node: d, Fiduciary: d,
		})
	}
	db := must(store.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true}))(t)
	log := must(audit.Open(t.Context(), db))(t)
	log.SetSigner(audit.NewSigner(r.keys))
	r.records = records.New(records.Options{
		Store: db, Audit: log, Courier: courier.New(db, nil, courier.Options{Now: now}), Keys: r.keys,
		Clock: clock.New(db, now), Peers: peers, Log: hclog.NewNullLogger(),
	})
	r.records.Directory.Add(&directory.Peer{Alias: "self", Name: r.keys.Identity().Name})
	r.principal, r.redeem = principal.New(r.records, ""), redemption.New(r.records, principal.Role)
	t.Cleanup(func() {
		r.principal.Close()
		r.redeem.Close()
		db.Close()
	})
	return r
}

// place has a secret kept by all D-TAs, of whom so many give it back.
func (r *realm) place(what string, threshold int) (ref string) {
	r.t.Helper()
	req := principal.Request{Secret: secret.Copy([]byte(what)), Threshold: threshold}
	for i := range r.dtas {
		req.Keepers = append(req.Keepers, principal.Keeper{Fiduciary: fmt.Sprintf("dta-%d", i+1)})
	}
	placed := must(r.principal.Place(r.t.Context(), req))(r.t)
	if placed.State != order.Accepted {
		r.t.Fatalf("expected an accepted order; found it %s", placed.State)
	}
	return placed.OrderCID.String()
}

func (r *realm) parties() *order.KnownParties {
	ids := []*identity.Identity{r.keys.Identity()}
	for _, d := range r.dtas {
		ids = append(ids, d.node.Identity(), d.custody.Identity())
	}
	return must(order.PartiesOf(ids...))(r.t)
}

// dta is a D-TA in this process, host and plugin. What its plugin says to a
// redemption, a test decides.
type dta struct {
	peer.Fiduciary // nothing else is asked of it
	realm          *realm
	node, custody  *identity.Keyring

	mu      sync.Mutex
	kept    map[dag.CID]*kept
	behaves func(ctx context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (peer.FulfilledSecret, error)
}

// kept is what a D-TA keeps of an order.
type kept struct {
	order      *order.VerifiedOrder
	acceptance *order.VerifiedAcceptance
	share      *secret.Bytes
	ciphertext []byte
}

// Identity shows the node's documents.
func (d *dta) Identity(context.Context) (peer.Identity, error) {
	id := d.node.Identity()
	return peer.Identity{Document: id.Document.String(), Blocks: peer.NewBag(id.Blocks()...)}, nil
}

// Custody shows what it offers.
func (d *dta) Custody(context.Context) (peer.Custody, error) {
	o := must(offer.Make(d.node, offer.Body{
		Instance: "vault", Type: "test", Custody: d.custody.Identity().Party(), Abilities: []string{"secret"}, Mode: order.Supervised,
		Limits: offer.Limits{Secret: 100, Fiduciaries: 8}, Versions: []uint64{1}, Suites: []string{seal.V2.Name},
	}, begin))(d.realm.t)
	return peer.Custody{
		Offers: []peer.Offer{{Instance: "vault", OfferCID: o.CID.String()}},
		Blocks: peer.NewBag(append(d.custody.Identity().Blocks(), o.Block)...),
	}, nil
}

// FulfillOrder keeps a share.
func (d *dta) FulfillOrder(_ context.Context, req peer.FulfillOrder) (none peer.FulfilledOrder, err error) {
	c, err := dag.Parse(req.OrderPart1CID)
	if err != nil {
		return none, err
	}
	block, _ := req.Blocks.Get(c)
	o, err := order.OpenOrder(d.node, block, d.realm.parties())
	if err != nil {
		return none, err
	}
	index, _ := o.Terms().IndexOf(d.custody.Identity().Name)
	sealed, _ := req.Blocks.Get(o.Shares()[index])
	share, err := order.OpenShare(d.custody, o, index, sealed)
	if err != nil {
		return none, err
	}
	receipt := order.Receipt{Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "test", HostEnforced: o.Terms().Policy.Enforcement == order.HostEnforced}
	signed, err := order.Accept(d.custody, o, index, o.SecretCommitment(), receipt, nil, d.realm.parties(), begin)
	if err != nil {
		return none, err
	}
	a, err := order.OpenAcceptance(d.node, o, signed.Block, d.realm.parties())
	if err != nil {
		return none, err
	}
	ciphertext, _ := req.Blocks.Get(o.Ciphertext())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept[c] = &kept{o, a, share.Bytes(), ciphertext}
	return peer.FulfilledOrder{OrderPart2CID: signed.CID.String(), Blocks: peer.NewBag(signed.Block)}, nil
}

// FulfillSecret answers a redemption.
func (d *dta) FulfillSecret(ctx context.Context, req peer.FulfillSecret) (none peer.FulfilledSecret, err error) {
	c, err := dag.Parse(req.OrderPart3CID)
	if err != nil {
		return none, err
	}
	block, _ := req.Blocks.Get(c)
	e, err := envelope.Parse(block)
	if err != nil {
		return none, err
	}
	d.mu.Lock()
	k, behaves := d.kept[e.Header.Previous[len(e.Header.Previous)-1]], d.behaves
	d.mu.Unlock()
	if k == nil {
		return none, fault.New(fault.NotFound, "no such order")
	}
	red, err := order.OpenRedemption(d.node, k.order, block, d.realm.parties())
	if err != nil {
		return none, err
	}
	if behaves == nil {
		behaves = honest
	}
	return behaves(ctx, d, red, k)
}

func (d *dta) is(behaves func(context.Context, *dta, *order.VerifiedRedemption, *kept) (peer.FulfilledSecret, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behaves = behaves
}

func honest(_ context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (none peer.FulfilledSecret, err error) {
	signed, share, err := order.ReleaseTo(d.custody, red, k.acceptance, k.share, nil, d.realm.parties(), begin)
	if err != nil {
		return none, err
	}
	return peer.FulfilledSecret{OrderPart4CID: signed.CID.String(), Blocks: peer.NewBag(signed.Block, share.Bytes, k.ciphertext)}, nil
}

// lying is a plugin that signs a release of something else than it accepted.
func lying(_ context.Context, d *dta, red *order.VerifiedRedemption, k *kept) (none peer.FulfilledSecret, err error) {
	junk, err := dag.Encode(map[string]string{"kind": "release"})
	if err != nil {
		return none, err
	}
	var readers []*identity.Identity
	for _, name := range k.order.Terms().ReadersOf(k.acceptance.Index()) {
		id, err := d.realm.parties().Identity(name, dag.CID{})
		if err != nil {
			return none, err
		}
		readers = append(readers, id)
	}
	signed, err := envelope.Seal(d.custody, envelope.Draft{
		Kind: envelope.Release, Recipients: readers, Time: begin, Expires: begin.Add(time.Hour),
		Previous: []dag.CID{red.CID(), k.acceptance.CID()},
		Body: order.Release{
			Version: order.Version, Order: k.order.CID(), Terms: k.order.TermsCID().Bytes(), Redemption: red.CID(),
			Acceptance: k.acceptance.CID(), Index: uint64(k.acceptance.Index()), Receiver: red.Receiver(), Share: dag.Sum(junk),
		},
	})
	if err != nil {
		return none, err
	}
	return peer.FulfilledSecret{OrderPart4CID: signed.CID.String(), Blocks: peer.NewBag(signed.Block, junk, k.ciphertext)}, nil
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
