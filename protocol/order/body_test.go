package order

import (
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

func TestOrdersThatContradictTheirTermsAreRefused(t *testing.T) {
	r := newRealm(t, 2)
	h := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	one := *r
	one.nodes, one.custody = r.nodes[:1], r.custody[:1]
	key := one.run(t, one.plan(Key, 1), nil, r.beneficiary, r.beneficiary)
	link := dag.Sum([]byte("detached"))
	for _, tt := range []struct {
		name string
		of   *history
		edit func(*Order)
	}{
		{"a share too few", h, func(b *Order) { b.Shares = b.Shares[:1] }},
		{"a share too many", h, func(b *Order) { b.Shares = append(b.Shares, link) }},
		{"no shares", h, func(b *Order) { b.Shares = nil }},
		{"an empty link to a share", h, func(b *Order) { b.Shares[1] = dag.CID{} }},
		{"a link to a block of plain bytes", h, func(b *Order) { b.Shares[1] = dag.SumRaw([]byte("share")) }},
		{"one share for two", h, func(b *Order) { b.Shares[1] = b.Shares[0] }},
		{"a share for a ciphertext", h, func(b *Order) { b.Ciphertext = b.Shares[0] }},
		{"no ciphertext", h, func(b *Order) { b.Ciphertext = dag.CID{} }},
		{"a key with shares", key, func(b *Order) { b.Shares = []dag.CID{link} }},
		{"a key with a ciphertext", key, func(b *Order) { b.Ciphertext = link }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := deepCopy(t, &tt.of.order.body).(*Order)
			tt.edit(body)
			sealed := tt.of.reseal(t, r.principal, &tt.of.order.Part, body)
			_, err := VerifyOrder(sealed.Block, sealed.Plain, r.who)
			wantKind(t, err, fault.Invalid)
		})
	}
}

func TestOrderRecordsOneDocumentForEachParty(t *testing.T) {
	old, rotated := rotate(t, identity.Node)
	t.Run("a node at two documents is refused", func(t *testing.T) {
		r := newRealm(t, 2)
		p := r.plan(Secret, 1)
		p.Fiduciaries[0].Node, p.Fiduciaries[1].Node = old.Identity(), rotated.Identity()
		_, err := Place(r.principal, p, secret.Random(32), now)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("a principal does not order with a document that its plan knows to be replaced", func(t *testing.T) {
		r := newRealm(t, 1)
		p := r.plan(Secret, 1)
		p.Receivers = []*identity.Identity{rotated.Identity()}
		_, err := Place(old, p, secret.Random(32), now)
		wantKind(t, err, fault.Conflict)
	})
	t.Run("a principal that signs with one document and reads with another is refused", func(t *testing.T) {
		r := newRealm(t, 1)
		r.principal = old
		r.who = r.parties(t)
		h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
		r.principal = rotated
		recipients := append([]*identity.Identity{rotated.Identity()}, h.readers(t, &h.order.Part)[1:]...)
		sealed := h.sealAs(t, old, envelope.Draft{Kind: envelope.Order, Recipients: recipients, Body: h.order.body})
		_, err := VerifyOrder(sealed.Block, sealed.Plain, r.parties(t))
		wantKind(t, err, fault.Invalid)
	})
	t.Run("a node older than the terms record is refused", func(t *testing.T) {
		r := newRealm(t, 1)
		r.nodes[0] = rotated
		r.who = r.parties(t)
		h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
		recipients := h.readers(t, &h.order.Part)
		recipients[1] = old.Identity()
		sealed := h.sealAs(t, r.principal, envelope.Draft{Kind: envelope.Order, Recipients: recipients, Body: h.order.body})
		o, err := VerifyOrder(sealed.Block, sealed.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		r.nodes[0] = old
		_, err = Accept(r.custody[0], o, 0, o.SecretCommitment(), receipt(0), nil, r.parties(t), now)
		wantKind(t, err, fault.NotFound)
	})
}

// What a verified part tells is what was signed.
func TestVerifiedPartsTellWhatWasSigned(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	o, a, red, rel := h.order, h.acceptances[0], h.redemption, h.releases[0]
	custody, receiver := r.custody[0].Identity().Name, r.beneficiary.Identity().Name
	for what, ok := range map[string]bool{
		"the order's principal":        o.Principal().Name == r.principal.Identity().Name,
		"the order's reference":        len(o.Terms().ReferenceHex()) == 64,
		"the order's terms":            o.TermsCID() == h.placed.TermsCID && len(o.Extra()) == 0,
		"the acceptance's order":       a.Order() == o && a.Custody() == custody && a.Signer().Name == custody,
		"the acceptance's receipt":     a.Receipt().Type == "test" && string(a.Checkpoint()) == "checkpoint",
		"the redemption's order":       red.Order() == o && red.Receiver() == receiver,
		"the redemption's acceptances": red.ReliesOn(a) == nil,
		"the release's chain":          rel.Index() == a.Index() && rel.Custody() == custody,
		"the release's share":          rel.Share() == h.released[0].CID && len(rel.Checkpoint()) == 0,
	} {
		if !ok {
			t.Errorf("%s is another", what)
		}
	}
	bad := &BadFiduciaries{Order: o.CID(), Bad: []BadFiduciary{{Index: 0, Custody: custody, Reason: DoesNotOpen}}}
	if text := bad.Error(); !strings.Contains(text, custody.String()) || !strings.Contains(text, string(DoesNotOpen)) {
		t.Errorf("the culprit is not named: %s", text)
	}
	o.Terms().Size = 1
	if o.Terms().Size == 1 {
		t.Error("a caller changed verified terms")
	}
}
