package principal

import (
	"bytes"
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// accept records acceptances that have come; with the last of them the order is
// accepted.
func (s *Service) accept(ctx context.Context, ref string, o *order.VerifiedOrder, have []*order.VerifiedAcceptance, come ...accepted) (row records.Row, err error) {
	whole := !slices.Contains(have, nil)
	var twins error
	if whole {
		if twins = distinct(o, have); twins != nil && len(come) == 0 {
			return records.Row{}, twins
		}
	}
	deposits, err := s.deposits(ctx, have, come)
	if err != nil {
		return records.Row{}, err
	}
	err = s.records.Write(ctx, func(w *records.Writer) error {
		for c, block := range deposits {
			if err := w.Detached(ref, c, block, order.PublishNone); err != nil {
				return err
			}
		}
		for _, a := range come {
			if err := w.Chain(a.Signer()); err != nil {
				return err
			}
			if err := w.Received(ref, &a.Part, o.Terms().Publish); err != nil {
				return err
			}
			if err := w.Track(a.checkpoint, ref); err != nil {
				return err
			}
			if err := w.Audit("order.accepted", a.Custody(), ref, a.CID(), ""); err != nil {
				return err
			}
		}
		if !whole || twins != nil {
			row, err = records.ReadRow(w.Tx, Role, ref)
			return err
		}
		kind := "order.accepted"
		if o.Terms().What == order.Network {
			kind = "network.created"
		}
		if kind == "network.created" || len(come) == 0 {
			if err := w.Audit(kind, s.records.Self().Name, ref, o.CID(), ""); err != nil {
				return err
			}
		}
		if err := w.Done(records.JobFulfil, ref); err != nil {
			return err
		}
		return w.Change(Role, ref, func(r *records.Row) error {
			r.Commitment = have[0].Commitment()
			err := r.Advance(order.EventAccept)
			row = *r
			return err
		})
	})
	if err != nil {
		return records.Row{}, err
	}
	return row, twins
}

// deposits finds those of the acceptances that this node does not keep yet. A
// principal keeps them for the day on which a fiduciary has lost its own. One that
// is not to be had now does not hold up the order: the store's check gets it.
func (s *Service) deposits(ctx context.Context, have []*order.VerifiedAcceptance, come []accepted) (map[dag.CID][]byte, error) {
	var bag peer.Bag
	for _, a := range come {
		bag.Add(a.bag.Blocks()...)
	}
	found := make(map[dag.CID][]byte)
	for _, a := range have {
		if a == nil {
			continue
		}
		c := a.Receipt().Deposit
		switch held, err := s.records.Has(ctx, c); {
		case err != nil:
			return nil, err
		case held:
			continue
		}
		block, ok := bag.Get(c)
		if !ok {
			var err error
			if block, err = s.records.Get(ctx, c); err != nil {
				s.records.Log.Warn("deposit not kept with its acceptance", "custody", a.Custody(), "deposit", c, "error", err)
				continue
			}
		}
		if _, err := order.GetDeposit(c, block); err != nil {
			s.records.Log.Warn("deposit not kept with its acceptance", "custody", a.Custody(), "deposit", c, "error", err)
			continue
		}
		found[c] = block
	}
	return found, nil
}

// distinct refuses a network in which two D-TAs have committed to one share: who
// has it has both.
func distinct(o *order.VerifiedOrder, have []*order.VerifiedAcceptance) error {
	if o.Terms().What != order.Network {
		return nil
	}
	for i, a := range have {
		for j, b := range have[:i] {
			if bytes.Equal(a.Commitment(), b.Commitment()) {
				return &refused{fault.New(fault.Invalid, "D-TAs %d and %d have committed to the same share of the network", j, i)}
			}
		}
	}
	return nil
}
