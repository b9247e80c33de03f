package order

import (
	"fmt"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
)

var now = time.UnixMilli(1_800_000_000_000)

// realm is a cast of parties: a principal, a beneficiary, a stranger, and n
// fiduciaries with a node and a custody identity each.
type realm struct {
	principal, beneficiary, stranger *identity.Keyring
	nodes, custody                   []*identity.Keyring
	who                              *KnownParties
}

func newRealm(t testing.TB, n int) *realm {
	t.Helper()
	r := &realm{
		principal:   identitytest.Keyring(t, identity.Node, "principal", now),
		beneficiary: identitytest.Keyring(t, identity.Node, "beneficiary", now),
		stranger:    identitytest.Keyring(t, identity.Node, "stranger", now),
	}
	for i := range n {
		r.nodes = append(r.nodes, identitytest.Keyring(t, identity.Node, fmt.Sprintf("node %d", i), now))
		r.custody = append(r.custody, identitytest.Keyring(t, identity.Custody, fmt.Sprintf("custody %d", i), now))
	}
	r.who = r.parties(t)
	return r
}

func (r *realm) keyrings() []*identity.Keyring {
	all := []*identity.Keyring{r.principal, r.beneficiary, r.stranger}
	return append(append(all, r.nodes...), r.custody...)
}

func (r *realm) parties(t testing.TB, more ...*identity.Keyring) *KnownParties {
	t.Helper()
	var ids []*identity.Identity
	for _, k := range append(r.keyrings(), more...) {
		ids = append(ids, k.Identity())
	}
	who, err := PartiesOf(ids...)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// plan orders what for the beneficiary, whom the principal may represent.
func (r *realm) plan(what What, threshold int) Plan {
	p := Plan{
		What:      what,
		Redeemers: []*identity.Identity{r.principal.Identity(), r.beneficiary.Identity()},
		Receivers: []*identity.Identity{r.beneficiary.Identity()},
		T:         threshold,
	}
	for i := range r.nodes {
		p.Fiduciaries = append(p.Fiduciaries, Choice{
			Custody: r.custody[i].Identity(), Node: r.nodes[i].Identity(),
			Offer: dag.Sum(fmt.Appendf(nil, "offer %d", i)),
		})
	}
	return p
}

// history is one order from end to end, as the parties hold it.
type history struct {
	*realm
	placed      *Placed
	order       *VerifiedOrder
	material    []*secret.Bytes // what each fiduciary keeps
	commitments []Commitment
	acceptances []*VerifiedAcceptance
	redeemer    *identity.Keyring
	receiver    *identity.Keyring
	redemption  *VerifiedRedemption
	reply       *secret.Bytes // nil where the redeemer is not the receiver
	releases    []*VerifiedRelease
	deposits    []Block
	released    []Block
}

// run plays an order through: placed, accepted by all, redeemed, released by all.
func (r *realm) run(t testing.TB, p Plan, what *secret.Bytes, redeemer, receiver *identity.Keyring) *history {
	t.Helper()
	return r.runWith(t, p, what, redeemer, receiver, func(*Receipt) {})
}

func (r *realm) runWith(t testing.TB, p Plan, what *secret.Bytes, redeemer, receiver *identity.Keyring, edit func(*Receipt)) *history {
	t.Helper()
	h := &history{realm: r, redeemer: redeemer, receiver: receiver}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	h.placed, err = Place(r.principal, p, what, now)
	must(err)
	h.order, err = OpenOrder(r.nodes[0], h.placed.Envelope.Block, r.who)
	must(err)
	for i, k := range r.custody[:len(p.Fiduciaries)] {
		// As a plugin is shown it.
		o, err := VerifyOrder(h.placed.Envelope.Block, h.placed.Envelope.Plain, r.who)
		must(err)
		material, commitment := h.keep(t, o, k, i)
		h.material = append(h.material, material)
		h.commitments = append(h.commitments, commitment)
		rc, kept := receipt(i), newDeposit()
		rc.Deposit = kept.CID
		h.deposits = append(h.deposits, kept)
		edit(&rc)
		sealed, err := Accept(k, o, i, commitment, rc, []byte("checkpoint"), r.who, now)
		must(err)
		a, err := OpenAcceptance(r.principal, h.order, sealed.Block, r.who)
		must(err)
		h.acceptances = append(h.acceptances, a)
	}
	sealed, reply, err := Redeem(redeemer, h.order, h.acceptances, receiver.Identity().Name, r.who, now)
	must(err)
	h.reply = reply
	h.redemption, err = OpenRedemption(r.nodes[0], h.order, sealed.Block, r.who)
	must(err)
	for i, k := range r.custody[:len(p.Fiduciaries)] {
		sealed, share, err := ReleaseTo(k, h.redemption, h.acceptances[i], h.material[i], nil, r.who, now)
		must(err)
		rel, err := OpenRelease(receiver, h.redemption, h.acceptances[i], sealed.Block, r.who)
		must(err)
		h.releases = append(h.releases, rel)
		h.released = append(h.released, share)
	}
	return h
}

// keep is what a plugin does between seeing an order and accepting it.
func (h *history) keep(t testing.TB, o *VerifiedOrder, k *identity.Keyring, i int) (*secret.Bytes, Commitment) {
	t.Helper()
	if o.Terms().What == Key {
		key := o.Algorithm().New()
		return key, mustProve(t, o, k, key)
	}
	share, err := OpenShare(k, o, i, h.placed.Detached[i].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return share.Bytes(), o.SecretCommitment()
}

func mustProve(t testing.TB, o *VerifiedOrder, k *identity.Keyring, key *secret.Bytes) Commitment {
	t.Helper()
	c, err := ProveKey(o, k.Identity().Name, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newDeposit is what a fiduciary keeps.
func newDeposit() Block {
	block, err := PutDeposit(secret.Random(32).Open())
	if err != nil {
		panic(err)
	}
	return block
}

func receipt(i int) Receipt {
	return Receipt{Deposit: newDeposit().CID, Mode: Supervised, Type: "test", Scheme: fmt.Sprintf("rung %d", i)}
}

// key is what the receiver opens releases with.
func (h *history) key() ReceiverKey { return ReceiverKey{Reply: h.reply, Keyring: h.receiver} }

func mustSuite(t testing.TB, o *VerifiedOrder) seal.Suite {
	t.Helper()
	s, err := seal.ByName(o.Terms().Suite)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustShare(t testing.TB, material *secret.Bytes, point int) *vss.Share {
	t.Helper()
	s, err := vss.ParseShare(point, material)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shares opens the releases of the fiduciaries given.
func (h *history) shares(t testing.TB, of ...int) []*vss.Share {
	t.Helper()
	var shares []*vss.Share
	for _, i := range of {
		s, err := OpenReleasedShare(h.releases[i], h.released[i].Bytes, h.key())
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, s)
	}
	return shares
}

func (h *history) ciphertext() []byte { return h.placed.Detached[len(h.placed.Detached)-1].Bytes }

// readers are the recipients of a part, as identities.
func (r *realm) readers(t testing.TB, p *Part) []*identity.Identity {
	t.Helper()
	ids, err := ResolveAll(r.who, p.Recipients())
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// reseal signs a body as its proper signer would, with the header of p.
func (h *history) reseal(t testing.TB, k *identity.Keyring, p *Part, body any) *envelope.Sealed {
	t.Helper()
	return h.sealAs(t, k, envelope.Draft{
		Kind: p.header.Kind, Recipients: h.readers(t, p), Time: now, Expires: now.Add(time.Hour),
		Previous: p.header.Previous, Body: body,
	})
}

func (h *history) sealAs(t testing.TB, k *identity.Keyring, d envelope.Draft) *envelope.Sealed {
	t.Helper()
	if d.Time.IsZero() {
		d.Time, d.Expires = now, now.Add(time.Hour)
	}
	sealed, err := envelope.Seal(k, d)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func wantKind(t testing.TB, err error, want fault.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected a refusal of kind %s, found none", want)
	}
	if got := fault.Of(err); got != want {
		t.Fatalf("expected a refusal of kind %s, found %s: %v", want, got, err)
	}
}

// rotate replaces a keyring's document by the next.
func rotate(t testing.TB, kind identity.Kind) (before, after *identity.Keyring) {
	t.Helper()
	k, next, err := identity.Create(kind, "rotates", now)
	if err != nil {
		t.Fatal(err)
	}
	after, next, err = k.Rotate(next, now)
	if err != nil {
		t.Fatal(err)
	}
	next.Clear()
	return k, after
}
