package cli

import (
	"context"

	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// meant finds the network that a command is about: as its node knows it, or, where
// the node does not, from the delegation to it.
func (a *app) meant(ctx context.Context, ref, delegation string) (*rest.NetworkAnswer, error) {
	n, err := a.findNetwork(ctx, ref)
	if delegation == "" || fault.Of(err) != fault.NotFound {
		return n, err
	}
	_, network, bad := readMandate(delegation)
	if bad != nil {
		return nil, bad
	}
	terms := network.Order.Terms()
	if ref != network.Terms.Name && ref != terms.ReferenceHex() {
		return nil, err
	}
	n = &rest.NetworkAnswer{
		Reference: terms.ReferenceHex(), OrderCID: network.Order.CID().String(), TermsCID: network.Order.TermsCID().String(),
		Name: network.Terms.Name, Suite: network.Terms.Suite, State: string(order.Accepted), Registrar: terms.Principal.String(),
		Permits: network.Terms.Permits, Revocable: network.Terms.Permits, MaxPermitDays: network.Terms.MaxDays,
	}
	for i, f := range terms.Fiduciaries {
		n.Members = append(n.Members, rest.NetworkMember{Index: i, Node: f.Node.Name.String(), Custody: f.Custody.Name.String(), State: string(order.Accepted)})
	}
	return n, nil
}
