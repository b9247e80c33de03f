package beneficiary_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/beneficiary"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/envelope/envelopetest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// begin is the time of every test: 2027-01-15, 08:00 UTC.
var begin = time.UnixMilli(1_800_000_000_000)

func now() time.Time { return begin }

// realm is a beneficiary's node that knows two principals, a stranger whom it does
// not know, and the D-TA that all of them use.
type realm struct {
	*beneficiary.Service
	t                                               *testing.T
	keys, principal, other, stranger, node, custody *identity.Keyring
	records                                         *records.Records
}

func newRealm(t *testing.T) *realm {
	t.Helper()
	r := &realm{t: t}
	for name, k := range map[string]**identity.Keyring{
		"beneficiary": &r.keys, "principal": &r.principal, "other": &r.other, "stranger": &r.stranger, "node": &r.node,
	} {
		*k = identitytest.Keyring(t, identity.Node, name, begin)
	}
	r.custody = identitytest.Keyring(t, identity.Custody, "custody", begin)
	db := must(store.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true}))(t)
	log := must(audit.Open(t.Context(), db))(t)
	log.SetSigner(audit.NewSigner(r.keys))
	r.records = records.New(records.Options{
		Store: db, Audit: log, Courier: courier.New(db, nil, courier.Options{Now: now}), Keys: r.keys, Clock: clock.New(db, now), Log: hclog.NewNullLogger(),
		Peers: []*directory.Peer{{Alias: "principal", Name: r.principal.Identity().Name}, {Alias: "other", Name: r.other.Identity().Name}},
	})
	r.Service = beneficiary.New(r.records)
	t.Cleanup(func() {
		r.Close()
		db.Close()
	})
	return r
}

func (r *realm) parties() order.Parties {
	var ids []*identity.Identity
	for _, k := range []*identity.Keyring{r.keys, r.principal, r.other, r.stranger, r.node, r.custody} {
		ids = append(ids, k.Identity())
	}
	return must(order.PartiesOf(ids...))(r.t)
}

// placed is an order that the D-TA has accepted.
type placed struct {
	order      *order.VerifiedOrder
	acceptance *envelope.Sealed
}

// place orders a key for a receiver, under a reference; nil: a random one.
func (r *realm) place(by *identity.Keyring, receiver *identity.Keyring, reference []byte) placed {
	r.t.Helper()
	both := []*identity.Identity{by.Identity(), receiver.Identity()}
	made := must(order.Place(by, order.Plan{
		What: order.Key, T: 1, Redeemers: both, Receivers: both[1:],
		Fiduciaries: []order.Choice{{Custody: r.custody.Identity(), Node: r.node.Identity()}},
	}, nil, begin))(r.t)
	if reference != nil {
		body := order.Order{Version: order.Version, Terms: made.Terms}
		body.Terms.Reference = reference
		o := must(order.MadeOrder(made.Envelope, r.parties()))(r.t)
		made.Envelope = must(envelope.Seal(by, envelope.Draft{
			Kind: envelope.Order, Recipients: must(order.ResolveAll(r.parties(), o.Recipients()))(r.t), Time: begin, Expires: begin.Add(order.OrderLife), Body: body,
		}))(r.t)
	}
	o := must(order.MadeOrder(made.Envelope, r.parties()))(r.t)
	proved := must(order.ProveKey(o, r.custody.Identity().Name, o.Algorithm().New()))(r.t)
	a := must(order.Accept(r.custody, o, 0, proved, order.Receipt{
		Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "test", HostEnforced: o.Terms().Policy.Enforcement == order.HostEnforced,
	}, nil, r.parties(), begin))(r.t)
	return placed{o, a}
}

// tell brings the news of an order; without those envelopes that are to be left out.
func (r *realm) tell(p placed, without ...dag.CID) error {
	n := peer.Notice{Envelopes: []string{p.order.CID().String()}, Blocks: peer.NewBag(p.order.Block())}
	if len(without) == 0 {
		n.Envelopes = append(n.Envelopes, p.acceptance.CID.String())
		n.Blocks.Add(p.acceptance.Block)
	}
	for _, k := range []*identity.Keyring{r.keys, r.principal, r.other, r.stranger, r.node, r.custody} {
		n.Blocks.Add(k.Identity().Blocks()...)
	}
	news, err := r.records.Verify(r.t.Context(), n)
	if err != nil {
		return err
	}
	return r.Notice(r.t.Context(), records.Key(p.order), news)
}

func (r *realm) wantState(p placed, want order.State) {
	r.t.Helper()
	row, err := r.records.Row(r.t.Context(), beneficiary.Role, records.Key(p.order))
	switch {
	case want == "" && fault.Of(err) == fault.NotFound:
	case err != nil:
		r.t.Error(err)
	case row.State != string(want) || row.CID != p.order.CID():
		r.t.Errorf("expected order %s to be %s; found %s, %s", p.order.CID(), want, row.CID, row.State)
	}
}

func TestTheOrderOfAPeerIsTakenInOnceItIsAccepted(t *testing.T) {
	r := newRealm(t)
	p := r.place(r.principal, r.keys, nil)
	wantKind(t, r.tell(p, p.acceptance.CID), fault.Invalid)
	r.wantState(p, "")
	for range 2 {
		if err := r.tell(p); err != nil {
			t.Fatal(err)
		}
		r.wantState(p, order.Accepted)
	}
}

func TestNewsThatIsRefused(t *testing.T) {
	r := newRealm(t)
	for name, p := range map[string]placed{
		"of an order that a stranger placed": r.place(r.stranger, r.keys, nil),
		"of an order for another receiver":   r.place(r.principal, r.other, nil),
	} {
		t.Run(name, func(t *testing.T) {
			wantKind(t, r.tell(p), fault.Denied)
			r.wantState(p, "")
		})
	}
}

// TestAnotherOrderOfTheSameReferenceStandsBeside: a reference is its principal's
// choice, and whoever took part in an order knows that of the order. So nobody can
// take an order's place by being first with its reference.
func TestAnotherOrderOfTheSameReferenceStandsBeside(t *testing.T) {
	r := newRealm(t)
	p := r.place(r.principal, r.keys, nil)
	twin := r.place(r.other, r.keys, p.order.Terms().Reference)
	for _, o := range []placed{twin, p} {
		if err := r.tell(o); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []placed{p, twin} {
		r.wantState(o, order.Accepted)
		links := must(r.records.Envelopes(t.Context(), records.Key(o.order)))(t)
		if _, err := r.records.Acceptances(t.Context(), o.order, links); err != nil || len(links) != 2 {
			t.Errorf("expected its own acceptance and no other; found %d envelopes, %v", len(links), err)
		}
		row, err := r.records.Find(t.Context(), records.Key(o.order), beneficiary.Role)
		if err != nil || row.CID != o.order.CID() {
			t.Errorf("by its CID: found %s, %v", row.CID, err)
		}
	}
	_, err := r.records.Find(t.Context(), p.order.Terms().ReferenceHex(), beneficiary.Role)
	wantKind(t, err, fault.Conflict)
	for _, o := range []placed{p, twin} {
		if !strings.Contains(err.Error(), records.Key(o.order)) {
			t.Errorf("expected both CIDs; found %v", err)
		}
	}
}

// TestNewsUnderAnotherSignatureAddsNothing: the custody identity may sign the same
// acceptance again.
func TestNewsUnderAnotherSignatureAddsNothing(t *testing.T) {
	r := newRealm(t)
	p := r.place(r.principal, r.keys, nil)
	if err := r.tell(p); err != nil {
		t.Fatal(err)
	}
	before := r.records.Audit.Newest()
	again := *p.acceptance
	again.CID, again.Block = envelopetest.Resigned(t, r.custody, p.acceptance.Block)
	p.acceptance = &again
	if err := r.tell(p); err != nil {
		t.Fatal(err)
	}
	r.wantState(p, order.Accepted)
	links := must(r.records.Envelopes(t.Context(), records.Key(p.order)))(t)
	if after := r.records.Audit.Newest(); len(links) != 2 || !bytes.Equal(before, after) {
		t.Errorf("expected nothing new, found %d envelopes and the checkpoint\n%s", len(links), after)
	}
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
