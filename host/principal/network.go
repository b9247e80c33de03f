package principal

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// NetworkRequest is a network that a caller wants, and by whom it is to be served.
type NetworkRequest struct {
	Terms       order.NetworkTerms // Version and Sharing are filled in
	Fiduciaries []string           // each a peer's alias or identity, or "self"; "/instance" after it where it offers several
	Publish     order.Publish      // "" is order.PublishChain
	Once        *records.Once
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
	now, err := s.records.Clock.Now()
	if err != nil {
		return Placed{}, err
	}
	terms := req.Terms
	terms.Version, terms.Sharing = order.NetworkVersion, order.Additive
	plan := order.Plan{What: order.Network, Network: &terms, T: len(req.Fiduciaries), Publish: req.Publish}
	for _, name := range terms.Authorities() {
		id, err := s.receiver(ctx, name)
		if err != nil {
			return Placed{}, fault.New(fault.Of(err), "authority: %w", err)
		}
		plan.Redeemers = append(plan.Redeemers, id)
	}
	chosen, err := s.members(ctx, req.Fiduciaries, now)
	if err != nil {
		return Placed{}, err
	}
	for _, o := range chosen {
		plan.Fiduciaries = append(plan.Fiduciaries, order.Choice{Custody: o.Custody, Node: o.Node, Offer: o.Offer})
	}
	return s.place(ctx, plan, nil, s.records.Self(), chosen, req.Once, now)
}

// members finds the offers of a network's D-TAs, asking all nodes at once. Each is
// another node: two shares on one are no better kept than one.
func (s *Service) members(ctx context.Context, named []string, now time.Time) ([]directory.Offered, error) {
	chosen := make([]directory.Offered, len(named))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range named {
		group.Go(func() error {
			alias, instance, _ := strings.Cut(name, "/")
			if alias == "" {
				return fault.New(fault.Invalid, "fiduciaries[%d]: expected the name of a peer, or self; found %q", i, name)
			}
			var found []directory.Offered
			err := flight.Contain(func() (err error) {
				found, err = s.choose(ctx, Request{Fiduciary: alias, Custody: instance}, now)
				return err
			})
			if err != nil {
				return fault.New(fault.Of(err), "fiduciaries[%d]: %w", i, err)
			}
			if !slices.Contains(found[0].Body.Abilities, string(order.Network)) {
				return fault.New(fault.Unsupported, "fiduciaries[%d]: custody %q keeps no shares of networks", i, found[0].Instance)
			}
			chosen[i] = found[0]
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, a := range chosen {
		for j, b := range chosen[:i] {
			if a.Node.Name == b.Node.Name {
				return nil, fault.New(fault.Invalid, "fiduciaries: expected another node each; %q and %q are one", named[j], named[i])
			}
		}
	}
	return chosen, nil
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
