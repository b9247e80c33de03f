package principal

import (
	"bytes"
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
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
	err = s.records.Write(ctx, func(w *records.Writer) error {
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
