package records_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// placed is an order of a node to itself, and its acceptance.
type placed struct{ order, acceptance dag.CID }

// place has node place a secret with custody, and puts every block in the bag.
func place(t *testing.T, node, custody *identity.Keyring, bag *peer.Bag) placed {
	t.Helper()
	now := time.Now()
	self := []*identity.Identity{node.Identity()}
	made, err := order.Place(node, order.Plan{
		What: order.Secret, Redeemers: self, Receivers: self, T: 1,
		Fiduciaries: []order.Choice{{Custody: custody.Identity(), Node: node.Identity()}},
	}, secret.Random(32), now)
	if err != nil {
		t.Fatal(err)
	}
	who, err := order.PartiesOf(node.Identity(), custody.Identity())
	if err != nil {
		t.Fatal(err)
	}
	o, err := order.MadeOrder(made.Envelope, who)
	if err != nil {
		t.Fatal(err)
	}
	receipt := order.Receipt{Deposit: dag.Sum([]byte("a deposit")), Mode: order.Supervised, Type: "test"}
	a, err := order.Accept(custody, o, 0, o.SecretCommitment(), receipt, nil, who, now)
	if err != nil {
		t.Fatal(err)
	}
	bag.Add(made.Envelope.Block, a.Block)
	return placed{made.Envelope.CID, a.CID}
}

// A part that was verified in its own order must not pass in another because its
// CID is known: whoever could have it believed could end that order for ever.
func TestAVerifiedPartIsNotBelievedInAnotherOrder(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "node.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	node, custody := identitytest.Keyring(t, identity.Node, "test", time.Now()), identitytest.Keyring(t, identity.Custody, "test", time.Now())
	r := records.New(records.Options{Store: s, Keys: node, Clock: clock.New(nil, nil), Log: hclog.NewNullLogger()})

	var bag peer.Bag
	bag.Add(node.Identity().Blocks()...)
	bag.Add(custody.Identity().Blocks()...)
	mine, other := place(t, node, custody, &bag), place(t, node, custody, &bag)

	o, err := r.Order(t.Context(), mine.order, bag)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from memory
		if _, err := r.Acceptance(t.Context(), o, mine.acceptance, bag); err != nil {
			t.Fatal(err)
		}
	}
	theirs, err := r.Order(t.Context(), other.order, bag)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Acceptance(t.Context(), theirs, mine.acceptance, bag); !fault.Of(err).Final() {
		t.Errorf("expected another order's acceptance to be refused; found %v", err)
	}
	// Nor is a part of one kind taken for another. The error names what it is about
	// once, though two packages do.
	_, err = r.Redemption(t.Context(), o, mine.acceptance, bag)
	if !fault.Of(err).Final() {
		t.Errorf("expected an acceptance to be refused as a redemption; found %v", err)
	}
	if text := err.Error(); !strings.HasPrefix(text, "redemption "+mine.acceptance.String()+": ") || strings.Count(text, "redemption") != 2 {
		t.Errorf("expected one name, and the kind that was expected; found %v", err)
	}
	stranger := mine.acceptance
	if _, err := r.Newest(t.Context(), stranger); err == nil || err.Error() != "identity "+stranger.String()+" is not known here" {
		t.Errorf("expected the name once; found %v", err)
	}
}
