package order

import (
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Redeem is the redeemer's: it asks for a release to the receiver, relying on
// at least t acceptances. A redeemer who is the receiver gets a reply key with
// it, made for this redemption alone; without the key the releases do not open,
// so it is stored before the redemption is sent, and cleared once they did.
// For another receiver the reply key is nil.
func Redeem(k *identity.Keyring, o *VerifiedOrder, acceptances []*VerifiedAcceptance, receiver dag.CID, who Parties, now time.Time) (_ *envelope.Sealed, reply *seal.PrivateKey, err error) {
	defer fault.Explain("redeem order", &err)
	if err := checkVerifiedOrder(o); err != nil {
		return nil, nil, err
	}
	if err := checkRedeemable(o); err != nil {
		return nil, nil, err
	}
	previous, err := relyOn(o, acceptances)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			reply.Clear()
			reply = nil
		}
	}()
	body := Redemption{
		Version:  Version,
		Order:    o.cid,
		Terms:    o.termsCID.Bytes(),
		Receiver: receiver,
		Nonce:    secret.Random(NonceSize).Open(),
	}
	if receiver == k.Identity().Name {
		suite, err := seal.ByName(o.body.Terms.Suite)
		if err != nil {
			return nil, nil, err
		}
		if reply, err = suite.NewPrivateKey(); err != nil {
			return nil, nil, err
		}
		body.ReplyKey = reply.Public()
	}
	if err := body.check(o, k.Identity()); err != nil {
		return nil, reply, err
	}
	recipients, err := newestRecipients(o.body.Terms.Parties(), o.floor, who)
	if err != nil {
		return nil, reply, err
	}
	sealed, err := envelope.Seal(k, envelope.Draft{
		Kind: envelope.Redemption, Recipients: recipients, Time: now, Expires: now.Add(RedemptionLife),
		Previous: previous, Body: body,
	})
	return sealed, reply, err
}

// relyOn links acceptances of the order, one per fiduciary, then the order.
func relyOn(o *VerifiedOrder, acceptances []*VerifiedAcceptance) ([]dag.CID, error) {
	var previous []dag.CID
	seen := make(map[int]bool, len(acceptances))
	for _, a := range acceptances {
		if err := checkVerifiedAcceptance(a); err != nil {
			return nil, err
		}
		if a.order.cid != o.cid {
			return nil, fault.New(fault.Invalid, "acceptance %s is of another order", a.cid)
		}
		if seen[a.Index()] {
			return nil, fault.New(fault.Invalid, "two acceptances of fiduciary %d", a.Index())
		}
		seen[a.Index()] = true
		previous = append(previous, a.cid)
	}
	previous = append(previous, o.cid)
	return previous, checkRelied(o, previous)
}
