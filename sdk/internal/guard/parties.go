package guard

import (
	"context"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Show verifies one party's documents, and remembers them for the calls that name the newest.
func (g *Guard) Show(_ context.Context, req *contract.ShowRequest) (*contract.ShowResponse, error) {
	if err := boundShow(req); err != nil {
		return nil, err
	}
	if _, err := g.shown.Verify(req.GetChain()); err != nil {
		return nil, err
	}
	return &contract.ShowResponse{}, nil
}

// parties finds the chains of the documents that a call names, and no others. This plugin's own is always among them, as
// it is known here: a host that names another of the same name contradicts it and is refused.
func (g *Guard) parties(k *identity.Keyring, documents [][]byte) (order.Parties, error) {
	own := k.Identity()
	ids := make([]*identity.Identity, 0, len(documents)+1)
	var missing []string
	for i, d := range documents {
		c, err := dag.FromBytes(d)
		if err != nil {
			return nil, fault.New(fault.Invalid, "document %d named: %w", i, err)
		}
		id := g.shown.Find(c)
		if id == nil {
			id, _ = own.At(c)
		}
		if id == nil {
			missing = append(missing, c.String())
			continue
		}
		ids = append(ids, id)
	}
	if len(missing) > 0 {
		return nil, fault.Lacking(missing, "%d of the identity documents that the call names were not shown to this plugin, the first of them %s", len(missing), missing[0])
	}
	who, err := order.PartiesOf(append(ids, own)...)
	if err != nil {
		return nil, err
	}
	return order.Remembering(who, g.memory), nil
}
