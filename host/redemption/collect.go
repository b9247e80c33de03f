package redemption

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// collected is a redemption with its releases, as many as the terms need or more.
type collected struct {
	row      records.Row
	red      *order.VerifiedRedemption
	releases []answer
}

// collect asks every fiduciary that has not yet answered the redemption, and
// records the releases. It succeeds once as many have released as the terms
// need; a fiduciary that fails does not hold up the others. The bad ones are known
// to have released something else than they accepted.
func (s *Service) collect(ctx context.Context, ref string, redemption dag.CID, bad []int) (c collected, err error) {
	row, links, err := s.records.History(ctx, s.role, ref)
	if err != nil {
		return c, err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return c, err
	}
	red, err := s.records.Redemption(ctx, o, redemption, peer.Bag{})
	if err != nil {
		return c, err
	}
	have, err := s.releases(ctx, red, links)
	if err != nil {
		return c, err
	}
	have = slices.DeleteFunc(have, func(a answer) bool { return slices.Contains(bad, a.Index()) })
	if len(have) < int(o.Terms().T) {
		got, err := s.ask(ctx, red, have, bad)
		if err != nil {
			s.records.Hasten(ctx, records.JobRedeem, redemption.String())
			return c, err
		}
		have = append(have, got...)
	} else if row.State == string(order.Released) {
		return collected{row, red, have}, nil
	}
	row, err = s.commit(ctx, red, have)
	return collected{row, red, have}, err
}

// commit records releases, the detached blocks they link, and that the order is
// released.
func (s *Service) commit(ctx context.Context, red *order.VerifiedRedemption, got []answer) (row records.Row, err error) {
	o := red.Order()
	ref, publish := records.Key(o), o.Terms().Publish
	err = s.records.Write(ctx, func(w *records.Writer) error {
		for _, a := range got {
			if err := w.Chain(a.Signer()); err != nil {
				return err
			}
			if err := w.Received(ref, &a.Part, publish); err != nil {
				return err
			}
			for _, c := range []dag.CID{a.Share(), o.Ciphertext()} {
				if block, ok := a.bag.Get(c); ok {
					if err := w.Detached(ref, c, block, publish); err != nil {
						return err
					}
				}
			}
			if err := w.Track(a.checkpoint, ref); err != nil {
				return err
			}
			if err := w.Audit("order.released", a.Custody(), ref, a.CID(), "to "+red.Receiver().String()); err != nil {
				return err
			}
		}
		if err := w.Done(records.JobRedeem, red.CID().String()); err != nil {
			return err
		}
		return w.Change(s.role, ref, func(r *records.Row) error {
			if r.State != string(order.Redeeming) && r.State != string(order.Released) {
				if err := r.Advance(order.EventRedeem); err != nil {
					return err
				}
			}
			err := r.Advance(order.EventRelease)
			row = *r
			return err
		})
	})
	return row, err
}

// releases finds the releases of a redemption among an order's links. A fiduciary
// that signed two counts once, for the first.
func (s *Service) releases(ctx context.Context, red *order.VerifiedRedemption, links records.Links) ([]answer, error) {
	var found []answer
	for _, l := range links.Of(envelope.Release) {
		block, err := s.records.Get(ctx, l.CID)
		if err != nil {
			return nil, err
		}
		e, err := envelope.Parse(block)
		if err != nil {
			return nil, err
		}
		if e.Header.Previous[0] != red.CID() {
			continue
		}
		r, err := s.records.Release(ctx, red, l.CID, peer.NewBag(block))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(found, func(a answer) bool { return a.Index() == r.Index() }) {
			continue
		}
		found = append(found, answer{VerifiedRelease: r})
	}
	return found, nil
}
