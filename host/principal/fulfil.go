package principal

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// step takes an order one step further, or joins who is doing so. The work
// belongs to the service: the caller only stops waiting when ctx ends.
func (s *Service) step(ctx context.Context, ref string) (records.Row, error) {
	return s.steps.Do(ctx, ref, 2*Patience, func(ctx context.Context) (records.Row, error) { return s.fulfil(ctx, ref) })
}

// Resume goes on with an order that has no acceptance yet; it is what the
// courier calls.
func (s *Service) Resume(ctx context.Context, payload []byte) error {
	var ref string
	if err := dag.Decode(payload, &ref); err != nil {
		return err
	}
	_, err := s.step(ctx, ref)
	row, known := s.records.Row(ctx, Role, ref)
	if known == nil && row.State != string(order.Ordered) {
		return nil // it is accepted, or failed and says why
	}
	if err == nil || !fault.Of(err).Retryable() {
		err = fault.New(fault.Unavailable, "order %s is not accepted yet: %w", ref, errors.Join(err, known))
	}
	return err
}

// Recover goes on with the orders that an earlier process had begun.
func (s *Service) Recover(ctx context.Context) error {
	rows, err := s.records.Pending(ctx, Role, order.Ordered)
	if err != nil {
		return err
	}
	group := errgroup.Group{}
	group.SetLimit(8)
	for _, row := range rows {
		group.Go(func() error {
			if _, err := s.step(ctx, row.Key()); err != nil {
				s.records.Log.Warn("an order is not accepted yet", "order", row.Key(), "error", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// fulfil asks every fiduciary that has not accepted, and records the answers as
// they come. Only a fiduciary's own refusal ends an order, and the end of its time:
// what does not answer, or answers what does not hold, is asked again.
func (s *Service) fulfil(ctx context.Context, ref string) (records.Row, error) {
	row, links, err := s.records.History(ctx, Role, ref)
	if err != nil || row.State != string(order.Ordered) {
		return row, err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return row, err
	}
	have, err := s.records.Acceptances(ctx, o, links)
	if err != nil {
		return row, err
	}
	if slices.Contains(have, nil) {
		err = s.ask(ctx, o, have, func(a accepted) (err error) {
			have[a.Index()] = a.VerifiedAcceptance
			row, err = s.accept(ctx, ref, o, have, a)
			return err
		})
	} else { // they came by another way
		row, err = s.accept(ctx, ref, o, have)
	}
	var refusal *refused
	switch {
	case errors.As(err, &refusal):
		return row, s.fail(ctx, ref, err)
	case err != nil && s.expired(o):
		return row, s.fail(ctx, ref, fault.New(fault.Conflict, "no acceptance before the order expired: %w", err))
	case err != nil:
		s.records.Hasten(ctx, records.JobFulfil, ref)
	}
	return row, err
}

// expired tells whether the fiduciaries may no longer accept an order.
func (s *Service) expired(o *order.VerifiedOrder) bool {
	now, err := s.records.Clock.Now()
	return err == nil && now.UnixMilli() > o.Header().Expires
}

// fail ends an order that a fiduciary refused, and returns the refusal.
func (s *Service) fail(ctx context.Context, ref string, why error) error {
	err := s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Change(Role, ref, func(r *records.Row) error {
			r.Reason, r.Kind = fault.Public(why), string(fault.Of(why))
			return r.Advance(order.EventFail)
		}); err != nil {
			return err
		}
		if err := w.Done(records.JobFulfil, ref); err != nil {
			return err
		}
		return w.Audit("order.failed", s.records.Self().Name, ref, dag.CID{}, string(fault.Of(why)))
	})
	if err != nil {
		return err
	}
	return why
}
