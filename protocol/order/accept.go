package order

import (
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Accept is the custody identity's: it signs that share index of a verified
// order is kept. The share was opened with OpenShare, or the key was made and
// proved with ProveKey, and its deposit exists. It refuses an order signed with a
// replaced document. The acceptance is encrypted to the newest document that who
// knows of each of its readers.
func Accept(k *identity.Keyring, o *VerifiedOrder, index int, c Commitment, r Receipt, checkpoint []byte, who Parties, now time.Time) (_ *envelope.Sealed, err error) {
	defer fault.Explain("accept order", &err)
	if err := checkVerifiedOrder(o); err != nil {
		return nil, err
	}
	if err := o.InForce(who); err != nil {
		return nil, err
	}
	r.KeyForm = o.body.Terms.KeyForm
	body := Acceptance{
		Version:    Version,
		Order:      o.cid,
		Terms:      o.termsCID.Bytes(),
		Index:      uint64(index),
		Commitment: c.Value,
		Proof:      c.Proof,
		Receipt:    r,
		Checkpoint: checkpoint,
	}
	if err := body.check(o, k.Identity()); err != nil {
		return nil, err
	}
	recipients, err := newestRecipients(o.body.Terms.ReadersOf(index), o.recorded, who)
	if err != nil {
		return nil, err
	}
	return envelope.Seal(k, envelope.Draft{
		Kind: envelope.Acceptance, Recipients: recipients, Time: now, Expires: now.Add(AnswerLife),
		Previous: []dag.CID{o.cid}, Body: body,
	})
}
