package order

import (
	"bytes"
	"slices"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// VerifiedOrder is an order whose every rule holds.
type VerifiedOrder struct {
	Part
	body      Order
	termsCID  dag.CID
	network   *NetworkTerms // of a network, else nil
	algorithm keytype.Type  // of a key, else nil
}

// VerifyOrder checks an order of which the plaintext is shown: signature, terms,
// principal = signer, and recipients complete. who must know the chain of the
// principal.
func VerifyOrder(block, plain []byte, who Parties) (*VerifiedOrder, error) {
	return verifyOrder(block, FromPlain(plain), who)
}

// OpenOrder is VerifyOrder for a recipient, who decrypts the part itself.
func OpenOrder(k *identity.Keyring, block []byte, who Parties) (*VerifiedOrder, error) {
	return verifyOrder(block, FromKeyring(k), who)
}

// MadeOrder is VerifyOrder for the principal that has just sealed the order with
// Place: every rule but its own signature is checked again.
func MadeOrder(s *envelope.Sealed, who Parties) (*VerifiedOrder, error) {
	return verifyOrder(s.Block, FromSealed(s), who)
}

func verifyOrder(block []byte, from Source, who Parties) (_ *VerifiedOrder, err error) {
	defer fault.Explain("order", &err)
	o := &VerifiedOrder{}
	head := func(h *envelope.Header) error { return CheckPrevious(h) }
	part, err := readPart(block, envelope.Order, who, head, from, &o.body)
	if err != nil {
		return nil, err
	}
	o.Part = *part
	if err := o.body.check(); err != nil {
		return nil, err
	}
	t := &o.body.Terms
	if t.Principal != o.signer.Name {
		return nil, fault.New(fault.Denied, "terms name %s as principal, %s signed", t.Principal, o.signer.Name)
	}
	if t.Suite != o.header.Suite {
		return nil, fault.New(fault.Invalid, "terms are of suite %q, the envelope of %q", t.Suite, o.header.Suite)
	}
	if err := ofKind(o.signer, identity.Node); err != nil {
		return nil, err
	}
	before, err := termsRecord(t)
	if err != nil {
		return nil, err
	}
	if err := o.admit(t.Parties(), before); err != nil {
		return nil, err
	}
	// The principal is its own first recipient, at the document it signed with.
	if p := o.header.Recipients[0]; p.Document != o.signer.Document {
		return nil, fault.New(fault.Invalid, "the principal signed with %s and is a recipient at %s", o.signer.Document, p.Document)
	}
	if err := o.recorded.hold(o.signer); err != nil {
		return nil, err
	}
	if o.termsCID, err = t.CID(); err != nil {
		return nil, err
	}
	if o.network, err = t.network(); err != nil {
		return nil, err
	}
	if o.algorithm, err = t.Algorithm(); err != nil {
		return nil, err
	}
	return o, nil
}

// Terms are the order's terms. Their lists must not be changed.
func (o *VerifiedOrder) Terms() *Terms {
	t := o.body.Terms
	return &t
}

// TermsCID is what everything sealed for the order is bound to.
func (o *VerifiedOrder) TermsCID() dag.CID { return o.termsCID }

// Shares links the sealed shares in the order of the terms; empty for anything but a secret.
func (o *VerifiedOrder) Shares() []dag.CID { return slices.Clone(o.body.Shares) }

// Ciphertext links the encrypted secret; undefined for anything but a secret.
func (o *VerifiedOrder) Ciphertext() dag.CID { return o.body.Ciphertext }

// Extra is what the principal added to the order's body.
func (o *VerifiedOrder) Extra() dag.Values { return o.body.Extra }

// Principal is the identity that placed the order, at the document it signed with.
func (o *VerifiedOrder) Principal() *identity.Identity { return o.signer }

// CheckLink holds what every later body repeats of its order: its CID, and
// CID(terms).
func (o *VerifiedOrder) CheckLink(order dag.CID, terms []byte) error {
	if order != o.cid {
		return fault.New(fault.Invalid, "expected the body to name order %s, found %s", o.cid, order)
	}
	if !bytes.Equal(terms, o.termsCID.Bytes()) {
		return fault.New(fault.Invalid, "the body names other terms than its order")
	}
	return nil
}

// fiduciary is entry index of the terms.
func (o *VerifiedOrder) fiduciary(index int) (*Fiduciary, error) {
	if index < 0 || index >= len(o.body.Terms.Fiduciaries) {
		return nil, fault.New(fault.Invalid, "the order has %d fiduciaries and none at index %d", len(o.body.Terms.Fiduciaries), index)
	}
	return &o.body.Terms.Fiduciaries[index], nil
}

// CheckCustodian wants the custody identity that the terms name at index, at
// the document they record or a later one.
func (o *VerifiedOrder) CheckCustodian(id *identity.Identity, index int) error {
	if err := checkVerifiedOrder(o); err != nil {
		return err
	}
	f, err := o.fiduciary(index)
	if err != nil {
		return err
	}
	if id.Name != f.Custody.Name {
		return fault.New(fault.Denied, "fiduciary %d is custody identity %s, not %s", index, f.Custody.Name, id.Name)
	}
	if err := ofKind(id, identity.Custody); err != nil {
		return err
	}
	return descends(id, f.Custody.Document)
}

func checkVerifiedOrder(o *VerifiedOrder) error {
	if o == nil || !o.verified() {
		return fault.New(fault.Internal, "the order was not verified")
	}
	return nil
}
