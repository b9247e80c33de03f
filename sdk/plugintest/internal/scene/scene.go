// Package scene plays everyone around a custody plugin: principals, the fiduciary's node, beneficiaries, strangers.
// It speaks to the plugin as an honest host does; package hostile takes what it made and lies with it.
package scene

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/envelope/envelopetest"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Scene is one fiduciary with its node, and the world as the node knows it.
type Scene struct {
	Instance  string
	Started   order.Mode
	Fiduciary *identity.Identity // the plugin's custody identity
	Node      *identity.Keyring  // the host's

	known []*identity.Identity // whose documents requests name
	shelf *shelf
}

// New begins a scene around an enrolled plugin.
func New(t testing.TB, instance string, mode order.Mode, chain [][]byte) *Scene {
	t.Helper()
	custody, err := identity.Verify(chain)
	if err != nil {
		t.Fatalf("verifying the custody chain: %v", err)
	}
	s := &Scene{Instance: instance, Started: mode, Fiduciary: custody, shelf: newShelf()}
	s.Node = s.Party(t, "node")
	s.known = append(s.known, custody)
	return s
}

// Party is a new node identity that this scene knows.
func (s *Scene) Party(t testing.TB, reference string) *identity.Keyring {
	t.Helper()
	k := Keyring(t, identity.Node, reference)
	s.known = append(s.known, k.Identity())
	return k
}

// Know adds an identity to those whose documents requests name.
func (s *Scene) Know(ids ...*identity.Identity) { s.known = append(s.known, ids...) }

// Keyring is a new identity that nobody knows yet.
func Keyring(t testing.TB, kind identity.Kind, reference string) *identity.Keyring {
	t.Helper()
	return identitytest.Keyring(t, kind, reference, time.Now())
}

// Parties finds everyone this scene knows.
func (s *Scene) Parties(t testing.TB) order.Parties {
	t.Helper()
	who, err := order.PartiesOf(s.known...)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// Documents names everyone this scene knows.
func (s *Scene) Documents() [][]byte {
	named := make([][]byte, 0, len(s.known))
	for _, id := range s.known {
		named = append(named, s.Document(id))
	}
	return named
}

// Document names one identity's newest document, which is shown to the plugin when it lacks it.
func (s *Scene) Document(id *identity.Identity) []byte {
	s.shelf.put(id)
	return id.Document.Bytes()
}

// Shown is an envelope as a plugin is shown it.
func Shown(e *envelope.Sealed) *contract.Shown {
	return &contract.Shown{Envelope: e.Block, Plain: e.Plain}
}

// Order is one order with all that its parties hold.
type Order struct {
	*Scene
	Principal, Beneficiary *identity.Keyring

	Secret   []byte // nil for a key
	Placed   *order.Placed
	Verified *order.VerifiedOrder
	Share    []byte // detached block for the plugin; nil for a key
	Index    int    // the plugin's place
}

// Choose changes the plan before the order is placed.
type Choose func(*order.Plan)

// Order places one with a new principal for a new beneficiary, each of whom may redeem. A nil secret orders a key.
func (s *Scene) Order(t testing.TB, what []byte, choose ...Choose) *Order {
	t.Helper()
	o := &Order{Scene: s, Principal: s.Party(t, "principal"), Beneficiary: s.Party(t, "beneficiary"), Secret: what}
	p := order.Plan{
		What:        order.Key,
		Redeemers:   []*identity.Identity{o.Principal.Identity(), o.Beneficiary.Identity()},
		Receivers:   []*identity.Identity{o.Beneficiary.Identity()},
		T:           1,
		Fiduciaries: []order.Choice{{Custody: s.Fiduciary, Node: s.Node.Identity()}},
	}
	var given *secret.Bytes
	if what != nil {
		p.What, given = order.Secret, secret.Copy(what)
		defer given.Clear()
	}
	for _, c := range choose {
		c(&p)
	}
	var err error
	if o.Placed, err = order.Place(o.Principal, p, given, time.Now()); err != nil {
		t.Fatalf("placing an order: %v", err)
	}
	if o.Verified, err = order.OpenOrder(s.Node, o.Placed.Envelope.Block, s.Parties(t)); err != nil {
		t.Fatalf("reading an order: %v", err)
	}
	o.Index = slices.IndexFunc(p.Fiduciaries, func(c order.Choice) bool { return c.Custody.Name == s.Fiduciary.Name })
	if what != nil && o.Index >= 0 {
		o.Share = o.Placed.Detached[o.Index].Bytes
	}
	return o
}

// Resigned is the same order under another signature: another half of ML-DSA beside the same half of Ed25519.
func (o *Order) Resigned(t testing.TB) *Order {
	t.Helper()
	_, block := envelopetest.Resigned(t, o.Principal, o.Placed.Envelope.Block)
	again, placed, sealed := *o, *o.Placed, *o.Placed.Envelope
	sealed.Block = block
	placed.Envelope, again.Placed = &sealed, &placed
	var err error
	if again.Verified, err = order.OpenOrder(o.Node, block, o.Parties(t)); err != nil {
		t.Fatalf("reading an order under another signature: %v", err)
	}
	return &again
}

// Answered tells whether an acceptance is of this very block.
func (o *Order) Answered(t testing.TB, r *contract.SafeguardResponse) bool {
	t.Helper()
	_, err := order.OpenAcceptance(o.Principal, o.Verified, r.GetAcceptance().GetEnvelope(), o.Parties(t))
	return err == nil
}

// Purpose is that of the order's deposit.
func (o *Order) Purpose() string {
	if o.Secret == nil {
		return "key"
	}
	return "share"
}

// Ask is the honest request to safeguard this order.
func (o *Order) Ask() *contract.SafeguardRequest {
	return &contract.SafeguardRequest{
		OperationId: contract.OperationID(o.Verified.HeaderCID(), o.Instance, o.Purpose()),
		Order:       Shown(o.Placed.Envelope),
		Documents:   o.Documents(),
		Share:       o.Share,
		Checkpoint:  []byte("checkpoint of the order"),
	}
}

// Kept is an order that the plugin accepted.
type Kept struct {
	*Order
	Deposit    []byte
	Shown      *contract.Shown // the acceptance
	Acceptance *order.VerifiedAcceptance
}

// Accept checks a plugin's answer as node and principal do.
func (o *Order) Accept(t testing.TB, r *contract.SafeguardResponse) *Kept {
	t.Helper()
	a, err := order.OpenAcceptance(o.Principal, o.Verified, r.GetAcceptance().GetEnvelope(), o.Parties(t))
	if err != nil {
		t.Fatalf("reading the acceptance: %v", err)
	}
	if !bytes.Equal(a.Plain(), r.GetAcceptance().GetPlain()) {
		t.Fatal("the acceptance's plaintext is not the one shown beside it")
	}
	if a.Custody() != o.Fiduciary.Name || a.Index() != o.Index {
		t.Fatalf("expected an acceptance by %s at %d; got one by %s at %d", o.Fiduciary.Name, o.Index, a.Custody(), a.Index())
	}
	if receipt := a.Receipt(); receipt.Deposit != DepositCID(t, r.GetDeposit()) || receipt.Mode != o.Started {
		t.Fatalf("the receipt is for another deposit, or of mode %q instead of %q", receipt.Mode, o.Started)
	}
	return &Kept{Order: o, Deposit: r.GetDeposit(), Shown: r.GetAcceptance(), Acceptance: a}
}

// DepositCID is the CID of a deposit's detached block, which an acceptance links.
func DepositCID(t testing.TB, deposit []byte) dag.CID {
	t.Helper()
	block, err := order.PutDeposit(deposit)
	if err != nil {
		t.Fatal(err)
	}
	return block.CID
}

// Redeemed is a redemption of a kept order.
type Redeemed struct {
	*Kept
	Envelope *envelope.Sealed
	Verified *order.VerifiedRedemption
	receiver *identity.Keyring
	reply    *secret.Bytes
}

// Redeem asks for a release to the beneficiary: by itself, or by the principal.
func (k *Kept) Redeem(t testing.TB, by *identity.Keyring) *Redeemed {
	t.Helper()
	sealed, reply, err := order.Redeem(by, k.Order.Verified, []*order.VerifiedAcceptance{k.Acceptance}, k.Beneficiary.Identity().Name, k.Parties(t), time.Now())
	if err != nil {
		t.Fatalf("redeeming: %v", err)
	}
	r, err := order.OpenRedemption(k.Node, k.Order.Verified, sealed.Block, k.Parties(t))
	if err != nil {
		t.Fatalf("reading the redemption: %v", err)
	}
	return &Redeemed{Kept: k, Envelope: sealed, Verified: r, receiver: k.Beneficiary, reply: reply}
}

// Opens is what the receiver opens the release with.
func (r *Redeemed) Opens() (reply *secret.Bytes, receiver *identity.Keyring) {
	return r.reply, r.receiver
}

// Ask is the honest request to restore.
func (r *Redeemed) Ask() *contract.RestoreRequest {
	return &contract.RestoreRequest{
		OperationId: contract.OperationID(r.Verified.HeaderCID(), r.Instance, r.Purpose()),
		Order:       Shown(r.Placed.Envelope),
		Acceptance:  r.Shown,
		Redemption:  Shown(r.Envelope),
		Documents:   r.Documents(),
		Deposit:     r.Deposit,
		Checkpoint:  []byte("checkpoint of the redemption"),
	}
}

// Material opens a release as its receiver does: the share, or the ordered key.
func (r *Redeemed) Material(t testing.TB, got *contract.RestoreResponse) (*order.VerifiedRelease, *secret.Bytes) {
	t.Helper()
	rel, err := order.OpenRelease(r.receiver, r.Verified, r.Acceptance, got.GetRelease().GetEnvelope(), r.Parties(t))
	if err != nil {
		t.Fatalf("reading the release: %v", err)
	}
	material, err := order.OpenReleasedMaterial(rel, got.GetShare(), order.ReceiverKey{Reply: r.reply, Keyring: r.receiver})
	if err != nil {
		t.Fatalf("opening the release: %v", err)
	}
	return rel, material
}

// Open gives what the beneficiary ends up with: the secret, or the key. It needs an order of threshold 1.
func (r *Redeemed) Open(t testing.TB, got *contract.RestoreResponse) []byte {
	t.Helper()
	rel, material := r.Material(t, got)
	if r.Secret == nil {
		return material.Open()
	}
	share, err := order.OpenReleasedShare(rel, got.GetShare(), order.ReceiverKey{Reply: r.reply, Keyring: r.receiver})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := order.Combine(r.Order.Verified, []*vss.Share{share}, r.Placed.Detached[len(r.Placed.Detached)-1].Bytes)
	if err != nil {
		t.Fatalf("combining: %v", err)
	}
	return whole.Open()
}

// Readers are the identities for which a part is encrypted, by their names.
func (s *Scene) Readers(t testing.TB, names []dag.CID) []*identity.Identity {
	t.Helper()
	who, ids := s.Parties(t), make([]*identity.Identity, len(names))
	for i, name := range names {
		var err error
		if ids[i], err = who.Identity(name, dag.CID{}); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// Name is CID bytes as the contract carries them.
func Name(c dag.CID) []byte { return c.Bytes() }
