package principal

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// NetworkRequest is a network that a caller wants, and by whom it is to be served.
type NetworkRequest struct {
	Terms   order.NetworkTerms // Version, Sharing and SubjectKey are filled in
	Keepers []Keeper           // each another node
	Publish order.Publish      // "" is order.PublishChain
	Once    *records.Once
}

// PlaceNetwork orders a network, as Place orders a secret: every D-TA makes its
// share. State is order.Accepted once all have.
func (s *Service) PlaceNetwork(ctx context.Context, req NetworkRequest) (Placed, error) {
	if req.Publish == "" {
		req.Publish = order.PublishChain
	}
	if err := s.records.Seen(ctx, req.Once); err != nil {
		return s.repeated(ctx, err)
	}
	if err := s.records.TakesNew(); err != nil {
		return Placed{}, err
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return Placed{}, err
	}
	terms := req.Terms
	terms.Version, terms.Sharing = order.NetworkVersion, order.Additive
	terms.SubjectKey = secret.Random(order.SubjectKeySize).Open()
	plan := order.Plan{What: order.Network, Network: &terms, T: len(req.Keepers), Publish: req.Publish}
	for _, name := range terms.Authorities() {
		id, err := s.receiver(ctx, name)
		if err != nil {
			return Placed{}, fault.New(fault.Of(err), "authority: %w", err)
		}
		plan.Redeemers = append(plan.Redeemers, id)
	}
	chosen, err := s.choose(ctx, req.Keepers, now)
	if err != nil {
		return Placed{}, err
	}
	if err := within(chosen, nil); err != nil {
		return Placed{}, err
	}
	for i, o := range chosen {
		if !slices.Contains(o.Body.Abilities, string(order.Network)) {
			return Placed{}, fault.New(fault.Unsupported, "fiduciaries[%d]: custody %q keeps no shares of networks", i, o.Instance)
		}
		plan.Fiduciaries = append(plan.Fiduciaries, order.Choice{Custody: o.Custody, Node: o.Node, Offer: o.Offer})
	}
	return s.place(ctx, plan, nil, s.records.Self(), chosen, req.Once, now)
}

// index remembers a network beside the orders of its role, so that networks can
// be listed.
func index(w *records.Writer, ref string, c dag.CID) error {
	return w.Insert(records.Row{
		Order: store.Order{Role: records.NetworkIndex, Reference: ref, State: string(order.Ordered), CID: c},
		Data:  records.Data{What: string(order.Network)},
	})
}

// parties are those whose documents an order's readers will need.
func parties(plan order.Plan, receiver *identity.Identity) []*identity.Identity {
	return append(append([]*identity.Identity{receiver}, plan.Redeemers...), plan.Receivers...)
}
