package order

import (
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
)

// Parties rotate: what an order recorded of a party may be followed forwards,
// never gone back behind.

func TestOrderOutlivesRotations(t *testing.T) {
	r := newRealm(t, 1)
	old, rotated := rotate(t, identity.Node)
	oldCustody, rotatedCustody := rotate(t, identity.Custody)
	r.beneficiary, r.custody[0] = old, oldCustody
	r.who = r.parties(t)
	what := secret.New([]byte("kept for years"))
	h := r.run(t, r.plan(Secret, 1), what, r.principal, old)

	r.beneficiary, r.custody[0] = rotated, rotatedCustody
	r.who = r.parties(t)
	later := now.Add(time.Hour)

	t.Run("a share still opens after its keeper rotated", func(t *testing.T) {
		o, err := OpenOrder(rotated, h.order.Block(), r.who)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenShare(rotatedCustody, o, 0, h.placed.Detached[0].Bytes); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a release goes to the receiver's newest document", func(t *testing.T) {
		sealed, _, err := Redeem(r.principal, h.order, h.acceptances, rotated.Identity().Name, r.who, later)
		if err != nil {
			t.Fatal(err)
		}
		red, err := OpenRedemption(rotated, h.order, sealed.Block, r.who)
		if err != nil {
			t.Fatal(err)
		}
		sealed, share, err := ReleaseTo(rotatedCustody, red, h.acceptances[0], h.material[0], nil, r.who, later)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := OpenRelease(rotated, red, h.acceptances[0], sealed.Block, r.who)
		if err != nil {
			t.Fatal(err)
		}
		_, err = OpenReleasedMaterial(rel, share.Bytes, ReceiverKey{Keyring: old})
		wantKind(t, err, fault.Denied)
		material, err := OpenReleasedMaterial(rel, share.Bytes, ReceiverKey{Keyring: rotated})
		if err != nil {
			t.Fatal(err)
		}
		if !material.Equal(h.material[0].Open()) {
			t.Fatal("another share was released")
		}
	})
	t.Run("a release to the earlier document still opens", func(t *testing.T) {
		if _, err := OpenReleasedMaterial(h.releases[0], h.released[0].Bytes, ReceiverKey{Keyring: rotated}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReplacedDocumentsDoNotSpeak(t *testing.T) {
	r := newRealm(t, 1)
	old, rotated := rotate(t, identity.Node)
	oldCustody, rotatedCustody := rotate(t, identity.Custody)
	r.beneficiary, r.custody[0] = rotated, rotatedCustody
	r.who = r.parties(t)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), rotated, rotated)

	t.Run("a redemption signed with a document older than the order records", func(t *testing.T) {
		sealed := h.reseal(t, old, &h.redemption.Part, h.redemption.body)
		_, err := VerifyRedemption(h.order, sealed.Block, sealed.Plain, r.who)
		wantKind(t, err, fault.Denied)
	})
	t.Run("an acceptance signed with a document older than the terms record", func(t *testing.T) {
		sealed := h.reseal(t, oldCustody, &h.acceptances[0].Part, h.acceptances[0].body)
		_, err := VerifyAcceptance(h.order, sealed.Block, sealed.Plain, r.who)
		wantKind(t, err, fault.Denied)
	})
	t.Run("a release signed with a document older than the terms record", func(t *testing.T) {
		sealed := h.reseal(t, oldCustody, &h.releases[0].Part, h.releases[0].body)
		_, err := VerifyRelease(h.redemption, h.acceptances[0], sealed.Block, sealed.Plain, r.who)
		wantKind(t, err, fault.Denied)
	})
	t.Run("nothing is released to a receiver's document older than the order records", func(t *testing.T) {
		p := h.part("redemption", 0)
		ids := h.readers(t, p)
		for i, id := range ids {
			if id.Name == old.Identity().Name {
				ids[i] = old.Identity()
			}
		}
		body := h.redemption.body
		body.ReplyKeys = nil
		sealed := h.sealAs(t, rotated, envelope.Draft{
			Kind: p.header.Kind, Recipients: ids, Previous: p.header.Previous, Body: body,
		})
		red, err := VerifyRedemption(h.order, sealed.Block, sealed.Plain, r.who)
		if err != nil {
			t.Fatal(err)
		}
		r.beneficiary = old
		hidden := r.parties(t)
		r.beneficiary = rotated
		_, _, err = ReleaseTo(r.custody[0], red, h.acceptances[0], h.material[0], nil, hidden, now)
		wantKind(t, err, fault.NotFound)
	})
	t.Run("a keyring that was replaced opens no share", func(t *testing.T) {
		_, err := OpenShare(oldCustody, h.order, 0, h.placed.Detached[0].Bytes)
		wantKind(t, err, fault.Denied)
	})
	t.Run("who hides a document that the order records is not believed", func(t *testing.T) {
		r.beneficiary = old
		hidden := r.parties(t)
		r.beneficiary = rotated
		o, err := VerifyOrder(h.order.Block(), h.order.Plain(), hidden)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Accept(r.custody[0], o, 0, o.SecretCommitment(), receipt(0), nil, hidden, now)
		wantKind(t, err, fault.NotFound)
	})
}

func TestNothingIsReleasedForARedemptionWithAReplacedDocument(t *testing.T) {
	r := newRealm(t, 1)
	old, rotated := rotate(t, identity.Node)
	r.beneficiary = old
	r.who = r.parties(t)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), old, old)

	r.beneficiary = rotated
	r.who = r.parties(t)
	red, err := OpenRedemption(rotated, h.order, h.redemption.Block(), r.who)
	if err != nil {
		t.Fatalf("it no longer reads: %v", err)
	}
	_, _, err = ReleaseTo(r.custody[0], red, h.acceptances[0], h.material[0], nil, r.who, now)
	wantKind(t, err, fault.Denied)
}

func TestNothingIsKeptForAnOrderWithAReplacedDocument(t *testing.T) {
	r := newRealm(t, 1)
	old, rotated := rotate(t, identity.Node)
	r.principal = old
	r.who = r.parties(t)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), old, r.beneficiary)

	r.principal = rotated
	r.who = r.parties(t)
	o, err := OpenOrder(rotated, h.order.Block(), r.who)
	if err != nil {
		t.Fatalf("it no longer reads: %v", err)
	}
	_, err = Accept(r.custody[0], o, 0, o.SecretCommitment(), h.acceptances[0].Receipt(), nil, r.who, now)
	wantKind(t, err, fault.Denied)
}

func TestDocumentChainsThatDisagreeAreRefused(t *testing.T) {
	k, next, err := identity.Create(identity.Node, "forks", now)
	if err != nil {
		t.Fatal(err)
	}
	left, _, err := k.Rotate(next, now)
	if err != nil {
		t.Fatal(err)
	}
	right, _, err := k.Rotate(next, now)
	if err != nil {
		t.Fatal(err)
	}
	chain := func(k *identity.Keyring) [][]byte { return k.Identity().Blocks() }
	newest := func(t *testing.T, who *KnownParties) dag.CID {
		t.Helper()
		id, err := who.Identity(k.Identity().Name, dag.CID{})
		if err != nil {
			t.Fatal(err)
		}
		return id.Document
	}

	for name, chains := range map[string][][][]byte{
		"the longer first": {chain(left), chain(k)},
		"the longer last":  {chain(k), chain(left)},
		"one of them":      {chain(left)},
	} {
		t.Run("of two that agree the longer counts: "+name, func(t *testing.T) {
			who, err := NewParties(nil, chains...)
			if err != nil {
				t.Fatal(err)
			}
			if newest(t, who) != left.Identity().Document {
				t.Fatal("the shorter chain counts")
			}
			at, err := who.Identity(k.Identity().Name, k.Identity().Document)
			if err != nil || at.Document != k.Identity().Document {
				t.Fatalf("the earlier document is not found: %v", err)
			}
		})
	}
	t.Run("a fork", func(t *testing.T) {
		_, err := NewParties(nil, chain(left), chain(right))
		wantKind(t, err, fault.Denied)
	})
	t.Run("a chain that does not verify", func(t *testing.T) {
		_, err := NewParties(identity.NewCache(4), chain(left)[1:])
		wantKind(t, err, fault.Invalid)
		_, err = NewParties(nil, nil)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("too many chains", func(t *testing.T) {
		_, err := NewParties(nil, make([][][]byte, MaxShown+1)...)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("too long a chain", func(t *testing.T) {
		_, err := NewParties(nil, make([][]byte, identity.MaxDocuments+1))
		wantKind(t, err, fault.Invalid)
	})
}

// behind knows the earlier documents, and gets a newer one only when asked for it.
type behind struct{ stored, bag *KnownParties }

func (b behind) Identity(name, document dag.CID) (*identity.Identity, error) {
	if id, err := b.stored.Identity(name, document); err == nil {
		return id, nil
	}
	return b.bag.Identity(name, document)
}

func TestPartsBringNewerDocumentsThanWereStored(t *testing.T) {
	r := newRealm(t, 1)
	old, rotated := rotate(t, identity.Node)
	r.beneficiary = old
	stored := r.parties(t)
	r.beneficiary = rotated
	r.who = r.parties(t)
	who := behind{stored, r.who}
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), rotated, rotated)
	o, err := VerifyOrder(h.order.Block(), h.order.Plain(), who)
	if err != nil {
		t.Fatal(err)
	}
	red, err := VerifyRedemption(o, h.redemption.Block(), h.redemption.Plain(), who)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _, err := ReleaseTo(r.custody[0], red, h.acceptances[0], h.material[0], nil, who, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRelease(rotated, red, h.acceptances[0], sealed.Block, who); err != nil {
		t.Fatal(err)
	}
}

// liar answers for everyone with one identity.
type liar struct{ id *identity.Identity }

func (l liar) Identity(_, _ dag.CID) (*identity.Identity, error) { return l.id, nil }

func TestPartiesThatAnswerAnotherQuestionAreNotBelieved(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	for _, who := range []liar{{}, {r.stranger.Identity()}} {
		_, err := VerifyOrder(h.order.Block(), h.order.Plain(), who)
		wantKind(t, err, fault.Internal)
	}
}

func TestPartiesOfTheWrongKindAreRefused(t *testing.T) {
	r := newRealm(t, 1)
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	plugin := identitytest.Keyring(t, identity.Custody, "another", now)
	node := identitytest.Keyring(t, identity.Node, "in place of a custody identity", now)
	who := r.parties(t, plugin, node)

	t.Run("a custody identity as receiver", func(t *testing.T) {
		body := h.order.body
		body.Terms.Receivers = []dag.CID{plugin.Identity().Name}
		sealed := h.sealAs(t, r.principal, envelope.Draft{
			Kind: envelope.Order, Recipients: append(h.readers(t, &h.order.Part), plugin.Identity()), Body: body,
		})
		o, err := VerifyOrder(sealed.Block, sealed.Plain, who)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Accept(r.custody[0], o, 0, o.SecretCommitment(), receipt(0), nil, who, now)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("a node in place of a custody identity", func(t *testing.T) {
		body := h.order.body
		body.Terms.Fiduciaries = []Fiduciary{{Custody: node.Identity().Party(), Node: r.nodes[0].Identity().Party()}}
		sealed := h.reseal(t, r.principal, &h.order.Part, body)
		o, err := VerifyOrder(sealed.Block, sealed.Plain, who)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Accept(node, o, 0, h.commitments[0], receipt(0), nil, who, now)
		wantKind(t, err, fault.Invalid)
	})
}
