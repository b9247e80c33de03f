package order

import (
	"bytes"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// VerifiedAcceptance is an acceptance of a verified order.
type VerifiedAcceptance struct {
	Part
	body  Acceptance
	order *VerifiedOrder
}

// VerifyAcceptance checks an acceptance of which the plaintext is shown: signed
// by the custody identity at its index of the terms, linked to the order,
// commitment as in the terms or proved.
func VerifyAcceptance(o *VerifiedOrder, block, plain []byte, who Parties) (*VerifiedAcceptance, error) {
	return verifyAcceptance(o, block, FromPlain(plain), who)
}

// OpenAcceptance is VerifyAcceptance for a recipient, who decrypts it itself.
func OpenAcceptance(k *identity.Keyring, o *VerifiedOrder, block []byte, who Parties) (*VerifiedAcceptance, error) {
	return verifyAcceptance(o, block, FromKeyring(k), who)
}

func verifyAcceptance(o *VerifiedOrder, block []byte, from Source, who Parties) (_ *VerifiedAcceptance, err error) {
	defer fault.Explain("acceptance", &err)
	if err := checkVerifiedOrder(o); err != nil {
		return nil, err
	}
	a := &VerifiedAcceptance{order: o}
	head := func(h *envelope.Header) error {
		if err := CheckPrevious(h, o.cid); err != nil {
			return err
		}
		return checkCustodySigner(o, h)
	}
	part, err := readPart(block, envelope.Acceptance, who, head, from, &a.body)
	if err != nil {
		return nil, err
	}
	a.Part = *part
	if err := a.body.check(o, a.signer); err != nil {
		return nil, err
	}
	if err := a.admit(o.body.Terms.ReadersOf(a.Index()), o.recorded); err != nil {
		return nil, err
	}
	return a, nil
}

// checkCustodySigner refuses early a signer that keeps no share of the order.
func checkCustodySigner(o *VerifiedOrder, h *envelope.Header) error {
	if _, ok := o.body.Terms.IndexOf(h.Signer.Name); !ok {
		return fault.New(fault.Denied, "%s is no custody identity of this order", h.Signer.Name)
	}
	return nil
}

// check holds an acceptance, about to be signed or just read, to its order.
func (b *Acceptance) check(o *VerifiedOrder, signer *identity.Identity) error {
	if err := checkBody(b.Version, b.Critical); err != nil {
		return err
	}
	if err := o.CheckLink(b.Order, b.Terms); err != nil {
		return err
	}
	index, err := indexOf(b.Index)
	if err != nil {
		return err
	}
	if err := o.CheckCustodian(signer, index); err != nil {
		return err
	}
	if err := checkCommitment(o, signer.Name, Commitment{Value: b.Commitment, Proof: b.Proof}); err != nil {
		return err
	}
	if err := b.Receipt.check(&o.body.Terms); err != nil {
		return err
	}
	if err := checkKeyForm(o, "receipt", b.Receipt.KeyForm); err != nil {
		return err
	}
	return checkCheckpoint(b.Checkpoint)
}

// indexOf refuses an index that no order can have before it becomes an int.
func indexOf(index uint64) (int, error) {
	if index >= MaxFiduciaries {
		return 0, fault.New(fault.Invalid, "expected an index below %d, found %d", MaxFiduciaries, index)
	}
	return int(index), nil
}

// Order is the order that was accepted.
func (a *VerifiedAcceptance) Order() *VerifiedOrder { return a.order }

// Index is the fiduciary's place in the terms.
func (a *VerifiedAcceptance) Index() int { return int(a.body.Index) }

// Custody is the name of the custody identity that accepted.
func (a *VerifiedAcceptance) Custody() dag.CID { return a.signer.Name }

// Commitment is C₀ of the terms for a secret, the public key for a key.
func (a *VerifiedAcceptance) Commitment() []byte { return bytes.Clone(a.body.Commitment) }

// Receipt says how the share is kept.
func (a *VerifiedAcceptance) Receipt() Receipt { return a.body.Receipt }

// Checkpoint is the node's audit checkpoint, or empty.
func (a *VerifiedAcceptance) Checkpoint() []byte { return bytes.Clone(a.body.Checkpoint) }

func checkVerifiedAcceptance(a *VerifiedAcceptance) error {
	if a == nil || !a.verified() {
		return fault.New(fault.Internal, "the acceptance was not verified")
	}
	return nil
}
