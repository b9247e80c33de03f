package order

import (
	"bytes"
	"slices"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// VerifiedRedemption is a redemption of a verified order.
type VerifiedRedemption struct {
	Part
	body  Redemption
	order *VerifiedOrder
}

// VerifyRedemption checks a redemption of which the plaintext is shown: signed
// by a redeemer, for a receiver, reply keys only from the receiver itself, and
// linked to enough acceptances and the order.
func VerifyRedemption(o *VerifiedOrder, block, plain []byte, who Parties) (*VerifiedRedemption, error) {
	return verifyRedemption(o, block, FromPlain(plain), who)
}

// OpenRedemption is VerifyRedemption for a recipient, who decrypts it itself.
func OpenRedemption(k *identity.Keyring, o *VerifiedOrder, block []byte, who Parties) (*VerifiedRedemption, error) {
	return verifyRedemption(o, block, FromKeyring(k), who)
}

// MadeRedemption is VerifyRedemption for the redeemer that has just sealed it
// with Redeem.
func MadeRedemption(o *VerifiedOrder, s *envelope.Sealed, who Parties) (*VerifiedRedemption, error) {
	return verifyRedemption(o, s.Block, FromSealed(s), who)
}

func verifyRedemption(o *VerifiedOrder, block []byte, from Source, who Parties) (_ *VerifiedRedemption, err error) {
	defer fault.Explain("redemption", &err)
	if err := checkVerifiedOrder(o); err != nil {
		return nil, err
	}
	r := &VerifiedRedemption{order: o}
	head := func(h *envelope.Header) error {
		if err := checkRedeemable(o); err != nil {
			return err
		}
		if !slices.Contains(o.body.Terms.Redeemers, h.Signer.Name) {
			return fault.New(fault.Denied, "%s may not redeem this order", h.Signer.Name)
		}
		return checkRelied(o, h.Previous)
	}
	part, err := readPart(block, envelope.Redemption, who, head, from, &r.body)
	if err != nil {
		return nil, err
	}
	r.Part = *part
	if err := r.body.check(o, r.signer, len(r.header.Previous)-1); err != nil {
		return nil, err
	}
	if err := r.admit(o.body.Terms.ReadersOf(r.Asked()...), o.recorded); err != nil {
		return nil, err
	}
	return r, nil
}

// checkRedeemable refuses to let a network's share go: it would move the share
// to another key, which needs an amendment.
func checkRedeemable(o *VerifiedOrder) error {
	if o.body.Terms.What == Network {
		return fault.New(fault.Denied, "a network's shares are never released")
	}
	return nil
}

// checkRelied wants t to n different acceptances, then the order. Which
// acceptances they are, ReliesOn tells.
func checkRelied(o *VerifiedOrder, previous []dag.CID) error {
	if len(previous) < 1 || previous[len(previous)-1] != o.cid {
		return fault.New(fault.Invalid, "expected the order as the last link")
	}
	acceptances := previous[:len(previous)-1]
	if n := uint64(len(acceptances)); n < o.body.Terms.T || n > o.body.Terms.N {
		return fault.New(fault.Invalid, "expected links to %d to %d acceptances, found %d", o.body.Terms.T, o.body.Terms.N, n)
	}
	for i, a := range previous {
		if slices.Contains(previous[:i], a) {
			return fault.New(fault.Invalid, "two links to %s", a)
		}
	}
	return nil
}

// check holds a redemption of so many acceptances, about to be signed or just
// read, to its order.
func (b *Redemption) check(o *VerifiedOrder, signer *identity.Identity, acceptances int) error {
	if err := checkBody(b.Version, b.Critical); err != nil {
		return err
	}
	if err := o.CheckLink(b.Order, b.Terms); err != nil {
		return err
	}
	t := &o.body.Terms
	if !slices.Contains(t.Redeemers, signer.Name) {
		return fault.New(fault.Denied, "%s may not redeem this order", signer.Name)
	}
	if err := o.recorded.checkParty(signer); err != nil {
		return err
	}
	if !slices.Contains(t.Receivers, b.Receiver) {
		return fault.New(fault.Denied, "this order may not be released to %s", b.Receiver)
	}
	if len(b.Nonce) != NonceSize {
		return fault.New(fault.Invalid, "expected a nonce of %d bytes, found %d", NonceSize, len(b.Nonce))
	}
	if err := b.checkAsked(t, acceptances); err != nil {
		return err
	}
	return b.checkReplyKeys(t, signer)
}

// checkAsked wants the place of the fiduciary of each acceptance, rising.
func (b *Redemption) checkAsked(t *Terms, acceptances int) error {
	if n := len(b.Asked); n != acceptances {
		return fault.New(fault.Invalid, "expected the places of %d fiduciaries asked, one for each acceptance, found %d", acceptances, n)
	}
	for i, place := range b.Asked {
		if place >= t.N || i > 0 && place <= b.Asked[i-1] {
			return fault.New(fault.Invalid, "expected rising places below %d of the fiduciaries asked, found %d at %d", t.N, place, i)
		}
	}
	return nil
}

func (b *Redemption) checkReplyKeys(t *Terms, signer *identity.Identity) error {
	if len(b.ReplyKeys) == 0 {
		return nil
	}
	if n := len(b.ReplyKeys); n != len(b.Asked) {
		return fault.New(fault.Invalid, "expected no reply keys, or one for each of the %d fiduciaries asked, found %d", len(b.Asked), n)
	}
	if signer.Name != b.Receiver {
		return fault.New(fault.Denied, "only the receiver itself may send a reply key")
	}
	suite, err := seal.ByName(t.Suite)
	if err != nil {
		return fault.New(fault.Unsupported, "%w", err)
	}
	for i, key := range b.ReplyKeys {
		if err := suite.CheckPublicKey(key); err != nil {
			return fault.New(fault.Invalid, "reply key %d: %w", i, err)
		}
		if slices.ContainsFunc(b.ReplyKeys[:i], func(other []byte) bool { return bytes.Equal(other, key) }) {
			return fault.New(fault.Invalid, "reply key %d: expected a key of its own for each fiduciary, found the same twice", i)
		}
	}
	return nil
}

// Order is the order to be redeemed.
func (r *VerifiedRedemption) Order() *VerifiedOrder { return r.order }

// Receiver is the name to which the shares are to be released.
func (r *VerifiedRedemption) Receiver() dag.CID { return r.body.Receiver }

// Asked are the places in the terms of the fiduciaries that are asked.
func (r *VerifiedRedemption) Asked() []int { return r.body.places() }

func (b *Redemption) places() []int {
	places := make([]int, len(b.Asked))
	for i, place := range b.Asked {
		places[i] = int(place)
	}
	return places
}

// asked finds the fiduciary of an acceptance among those asked; -1 if it is not.
func (r *VerifiedRedemption) asked(a *VerifiedAcceptance) int {
	return slices.Index(r.body.Asked, a.body.Index)
}

// ReliesOn tells whether the redemption links this acceptance of its own order.
func (r *VerifiedRedemption) ReliesOn(a *VerifiedAcceptance) error {
	if err := checkVerifiedRedemption(r); err != nil {
		return err
	}
	if err := checkVerifiedAcceptance(a); err != nil {
		return err
	}
	if a.order.cid != r.order.cid {
		return fault.New(fault.Invalid, "the acceptance is of another order than the redemption")
	}
	if i := r.asked(a); i < 0 || r.header.Previous[i] != a.cid {
		return fault.New(fault.Invalid, "the redemption does not rely on acceptance %s", a.cid)
	}
	return nil
}

func checkVerifiedRedemption(r *VerifiedRedemption) error {
	if r == nil || !r.verified() {
		return fault.New(fault.Internal, "the redemption was not verified")
	}
	return nil
}
