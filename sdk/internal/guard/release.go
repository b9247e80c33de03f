package guard

import (
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// releasing is a request to give something of a deposit: by a redemption, or by a request to issue.
type releasing interface {
	GetOperationId() string
	GetOrder() *contract.Shown
	GetAcceptance() *contract.Shown
	GetDocuments() [][]byte
	GetDeposit() []byte
	GetCheckpoint() []byte
}

// verifyAcceptance verifies the order and the acceptance shown, which must be this identity's own.
func verifyAcceptance(k *identity.Keyring, req releasing, who order.Parties) (*order.VerifiedOrder, *order.VerifiedAcceptance, error) {
	o, err := order.VerifyOrder(req.GetOrder().GetEnvelope(), req.GetOrder().GetPlain(), who)
	if err != nil {
		return nil, nil, err
	}
	a, err := order.VerifyAcceptance(o, req.GetAcceptance().GetEnvelope(), req.GetAcceptance().GetPlain(), who)
	if err != nil {
		return nil, nil, err
	}
	if a.Custody() != k.Identity().Name {
		return nil, nil, fault.New(fault.Denied, "the acceptance shown is of custody identity %s, not of %s", a.Custody(), k.Identity().Name)
	}
	return o, a, nil
}

// ownDeposit holds the deposit shown to the acceptance, which links its detached block.
func ownDeposit(a *order.VerifiedAcceptance, deposit []byte) error {
	block, err := order.PutDeposit(deposit)
	if err != nil {
		return err
	}
	if block.CID != a.Receipt().Deposit {
		return fault.New(fault.Denied, "the acceptance shown was given for another deposit")
	}
	return nil
}
