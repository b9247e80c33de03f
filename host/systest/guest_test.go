//go:build linux

package systest_test

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// guest is a principal inside the test: it speaks the protocol to a fiduciary
// itself, so that the test knows every key and share of its orders.
type guest struct {
	keys      *identity.Keyring
	fiduciary *peer.Client
	node      *identity.Identity
	custody   *identity.Identity
	offer     dag.CID
}

// newGuest makes a principal and has a fiduciary keep secrets for it, too.
func newGuest(t *testing.T, n *rig.Node) *guest {
	t.Helper()
	g := &guest{keys: identitytest.Keyring(t, identity.Node, "guest", time.Now())}
	admit(t, n, g.keys.Identity().Name)
	g.meet(t, n.URL())
	return g
}

// admit has a fiduciary keep secrets for one more principal.
func admit(t *testing.T, n *rig.Node, principal dag.CID) {
	t.Helper()
	text, err := os.ReadFile(n.Config)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), "principals = [")
	if !ok {
		t.Fatalf("%s keeps secrets for nobody", n.Name)
	}
	n.Stop()
	n.Configure(before + "principals = [\"" + principal.String() + "\", " + after)
	n.Restart()
}

// meet learns who the fiduciary is and what it offers.
func (g *guest) meet(t *testing.T, url string) {
	t.Helper()
	var err error
	if g.fiduciary, err = peer.NewClient(url, nil); err != nil {
		t.Fatal(err)
	}
	id, err := g.fiduciary.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g.node = chain(t, id.Documents, id.Blocks)
	offers, err := g.fiduciary.Custody(t.Context())
	if err != nil || len(offers.Offers) == 0 {
		t.Fatalf("expected an offer; got %v, %v", offers.Offers, err)
	}
	o := offers.Offers[0]
	g.custody = chain(t, []string{o.Document}, offers.Blocks)
	if g.offer, err = dag.Parse(o.OfferCID); err != nil {
		t.Fatal(err)
	}
}

// chain verifies documents that are in a bag.
func chain(t *testing.T, documents []string, bag peer.Bag) *identity.Identity {
	t.Helper()
	var blocks [][]byte
	for _, d := range documents {
		c, err := dag.Parse(d)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := bag.Get(c)
		blocks = append(blocks, block)
	}
	id, err := identity.Verify(blocks)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// visit is an order of the guest's, and all that it has come to know of it.
type visit struct {
	placed      *order.Placed
	who         *order.KnownParties
	order       *order.VerifiedOrder
	acceptance  *order.VerifiedAcceptance
	redemption  *order.VerifiedRedemption
	release     *order.VerifiedRelease
	share       []byte // as it was released: s ‖ r, or the key
	secret      []byte
	contentKeys [][]byte // of the order's, the acceptance's and the release's envelope
}

// place orders that a secret be kept, or a key made where it is nil.
func (g *guest) place(t *testing.T, what []byte, publish order.Publish, receivers ...*identity.Identity) *visit {
	t.Helper()
	me := g.keys.Identity()
	receivers = append(receivers, me)
	plan := order.Plan{
		What: order.Key, T: 1, Publish: publish, Redeemers: receivers, Receivers: receivers,
		Fiduciaries: []order.Choice{{Custody: g.custody, Node: g.node, Offer: g.offer}},
	}
	var material *secret.Bytes
	if what != nil {
		plan.What, material = order.Secret, secret.Copy(what)
	}
	v := new(visit)
	var err error
	if v.placed, err = order.Place(g.keys, plan, material, time.Now()); err != nil {
		t.Fatal(err)
	}
	if v.who, err = order.PartiesOf(append(receivers, g.node, g.custody)...); err != nil {
		t.Fatal(err)
	}
	if v.order, err = order.OpenOrder(g.keys, v.placed.Envelope.Block, v.who); err != nil {
		t.Fatal(err)
	}
	bag := peer.NewBag(v.placed.Envelope.Block)
	for _, b := range v.placed.Detached {
		bag.Add(b.Bytes)
	}
	for _, id := range append(receivers, g.node, g.custody) {
		bag.Add(id.Blocks()...)
	}
	answer, err := g.fiduciary.FulfillOrder(t.Context(), peer.FulfillOrder{
		OrderPart1CID: v.placed.Envelope.CID.String(), DocumentCID: me.Document.String(), Blocks: bag,
	})
	if err != nil {
		t.Fatal(err)
	}
	block := inBag(t, answer.OrderPart2CID, answer.Blocks)
	if v.acceptance, err = order.OpenAcceptance(g.keys, v.order, block, v.who); err != nil {
		t.Fatal(err)
	}
	v.contentKeys = append(v.contentKeys, g.contentKey(t, v.placed.Envelope.Block), g.contentKey(t, block))
	return v
}

// redeem gets back what the order keeps.
func (g *guest) redeem(t *testing.T, v *visit) {
	t.Helper()
	sealed, reply, err := order.Redeem(g.keys, v.order, []*order.VerifiedAcceptance{v.acceptance}, g.keys.Identity().Name, v.who, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if v.redemption, err = order.OpenRedemption(g.keys, v.order, sealed.Block, v.who); err != nil {
		t.Fatal(err)
	}
	answer, err := g.fiduciary.FulfillSecret(t.Context(), peer.FulfillSecret{
		OrderPart3CID: sealed.CID.String(), DocumentCID: g.keys.Identity().Document.String(), Blocks: peer.NewBag(sealed.Block),
	})
	if err != nil {
		t.Fatal(err)
	}
	block := inBag(t, answer.OrderPart4CID, answer.Blocks)
	if v.release, err = order.OpenRelease(g.keys, v.redemption, v.acceptance, block, v.who); err != nil {
		t.Fatal(err)
	}
	v.contentKeys = append(v.contentKeys, g.contentKey(t, sealed.Block), g.contentKey(t, block))
	detached, _ := answer.Blocks.Get(v.release.Share())
	material, err := order.OpenReleasedMaterial(v.release, detached, order.ReceiverKey{Reply: reply})
	if err != nil {
		t.Fatal(err)
	}
	v.share = material.Open()
	if v.order.Terms().What == order.Key {
		v.secret = v.share
		return
	}
	share, err := order.OpenReleasedShare(v.release, detached, order.ReceiverKey{Reply: reply})
	if err != nil {
		t.Fatal(err)
	}
	got, err := order.Combine(v.order, []*vss.Share{share}, v.placed.Detached[len(v.placed.Detached)-1].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	v.secret = got.Open()
}

// contentKey opens the key under which an envelope's body is encrypted, as
// DESIGN's envelope has it: info is the header's hash under a tag, aad the
// recipient's name and index.
func (g *guest) contentKey(t *testing.T, block []byte) []byte {
	t.Helper()
	e, err := envelope.Parse(block)
	if err != nil {
		t.Fatal(err)
	}
	header, err := dag.Encode(e.Header)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(header)
	me := g.keys.Identity().Party()
	for i, r := range e.Header.Recipients {
		if r != me {
			continue
		}
		key, err := g.keys.OpenAt(me.Document, append([]byte("dta/envelope/key/v1"), hash[:]...),
			binary.BigEndian.AppendUint32(me.Name.Bytes(), uint32(i)), e.Keys[i].Sealed)
		if err != nil {
			t.Fatalf("content key of %s: %v", e.CID(), err)
		}
		return key.Open()
	}
	t.Fatalf("the guest is no recipient of %s", e.CID())
	return nil
}

func inBag(t *testing.T, text string, bag peer.Bag) []byte {
	t.Helper()
	c, err := dag.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	block, ok := bag.Get(c)
	if !ok {
		t.Fatalf("expected block %s in the answer", text)
	}
	return block
}

// identityAt asks a node who it is.
func identityAt(t *testing.T, n *rig.Node) *identity.Identity {
	t.Helper()
	c, err := peer.NewClient(n.URL(), &http.Client{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return chain(t, id.Documents, id.Blocks)
}
