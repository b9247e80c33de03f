package order

import (
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Redeem is the redeemer's: it asks for a release to the receiver, relying on
// at least t acceptances. A redeemer who is the receiver gets the root of the
// reply keys with it, made for this redemption alone; without the root the
// releases do not open, so it is stored before the redemption is sent, and cleared
// once they did. For another receiver the root is nil.
func Redeem(k *identity.Keyring, o *VerifiedOrder, acceptances []*VerifiedAcceptance, receiver dag.CID, who Parties, now time.Time) (_ *envelope.Sealed, reply *secret.Bytes, err error) {
	defer fault.Explain("redeem order", &err)
	if err := checkVerifiedOrder(o); err != nil {
		return nil, nil, err
	}
	if err := checkRedeemable(o); err != nil {
		return nil, nil, err
	}
	previous, asked, err := relyOn(o, acceptances)
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
		Asked:    asked,
		Nonce:    secret.Random(NonceSize).Open(),
	}
	if receiver == k.Identity().Name {
		suite, err := seal.ByName(o.body.Terms.Suite)
		if err != nil {
			return nil, nil, err
		}
		reply = secret.Random(ReplyRootSize)
		if body.ReplyKeys, err = replyKeys(suite, reply, asked); err != nil {
			return nil, reply, err
		}
	}
	if err := body.check(o, k.Identity(), len(acceptances)); err != nil {
		return nil, reply, err
	}
	recipients, err := newestRecipients(o.body.Terms.ReadersOf(body.places()...), o.recorded, who)
	if err != nil {
		return nil, reply, err
	}
	sealed, err := envelope.Seal(k, envelope.Draft{
		Kind: envelope.Redemption, Recipients: recipients, Time: now, Expires: now.Add(RedemptionLife),
		Previous: previous, Body: body,
	})
	return sealed, reply, err
}

// relyOn links acceptances of the order, one per fiduciary and in the order of
// their places, then the order.
func relyOn(o *VerifiedOrder, acceptances []*VerifiedAcceptance) (previous []dag.CID, asked []uint64, err error) {
	for _, a := range acceptances {
		if err := checkVerifiedAcceptance(a); err != nil {
			return nil, nil, err
		}
		if a.order.cid != o.cid {
			return nil, nil, fault.New(fault.Invalid, "acceptance %s is of another order", a.cid)
		}
	}
	sorted := slices.SortedFunc(slices.Values(acceptances), func(a, b *VerifiedAcceptance) int { return a.Index() - b.Index() })
	for i, a := range sorted {
		if i > 0 && sorted[i-1].Index() == a.Index() {
			return nil, nil, fault.New(fault.Invalid, "two acceptances of fiduciary %d", a.Index())
		}
		previous, asked = append(previous, a.cid), append(asked, a.body.Index)
	}
	previous = append(previous, o.cid)
	return previous, asked, checkRelied(o, previous)
}
