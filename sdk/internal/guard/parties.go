package guard

import (
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// parties verifies the chains shown. This plugin's own is always among them, as it is known here: a host that shows
// another of the same name contradicts it and is refused.
func (g *Guard) parties(k *identity.Keyring, shown []*contract.Chain) (order.Parties, error) {
	ids := make([]*identity.Identity, 0, len(shown)+1)
	for i, c := range shown {
		id, err := g.cache.Verify(c.GetDocuments())
		if err != nil {
			return nil, fault.New(fault.Invalid, "document chain %d: %w", i, err)
		}
		ids = append(ids, id)
	}
	who, err := order.PartiesOf(append(ids, k.Identity())...)
	if err != nil {
		return nil, err
	}
	return order.Remembering(who, g.memory), nil
}
