package issue

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// checkBody refuses a body of another version, or with an unknown critical name.
func checkBody(version uint64, critical dag.Values) error {
	if version != Version {
		return fault.New(fault.Unsupported, "expected version %d, found %d", Version, version)
	}
	if err := critical.RefuseUnknown(); err != nil {
		return fault.New(fault.Unsupported, "%w", err)
	}
	return nil
}

// checkNetwork holds what a body repeats of its network: the order, CID(terms) and
// the epoch of its shares.
func checkNetwork(o *order.VerifiedOrder, order dag.CID, terms []byte, epoch uint64) error {
	if err := o.CheckLink(order, terms); err != nil {
		return err
	}
	if epoch != Epoch {
		return fault.New(fault.Invalid, "expected epoch %d, found %d", Epoch, epoch)
	}
	return nil
}
