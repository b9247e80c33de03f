package guard

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// purposeOf is what the deposit of an order is for.
func purposeOf(o *order.VerifiedOrder) (Purpose, error) {
	switch what := o.Terms().What; what {
	case order.Secret:
		return Share, nil
	case order.Key:
		return Key, nil
	case order.Network:
		return NetworkShare, nil
	default:
		return "", fault.New(fault.Unsupported, "cannot keep a %s", what)
	}
}

// checkOperation refuses an id that names another act: a log that says one thing was done must not mean another.
func (g *Guard) checkOperation(id string, cause dag.CID, purpose Purpose) error {
	if want := contract.OperationID(cause, g.Instance, string(purpose)); id != want {
		return fault.New(fault.Invalid, "expected operation id %s, found %q", want, id)
	}
	return nil
}
