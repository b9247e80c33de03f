package fiduciary

import (
	"context"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// FulfillSecret has what an order keeps sealed to the receiver that a
// redemption names, and answers with the release once it is on disk. A repeat
// gets the first answer.
func (s *Service) FulfillSecret(ctx context.Context, req peer.FulfillSecret) (peer.FulfilledSecret, error) {
	c, err := dag.Parse(req.OrderPart3CID)
	if err != nil {
		return peer.FulfilledSecret{}, fmt.Errorf("orderPart3CID: %w", err)
	}
	blocks, err := s.releases.Do(ctx, flightKey(c, req.Documents, req.Blocks), custodyTime, func(ctx context.Context) ([]dag.CID, error) {
		return mending(ctx, s, req.Blocks, func() ([]dag.CID, error) { return s.release(ctx, c, req) })
	})
	if err != nil {
		return peer.FulfilledSecret{}, fault.About("redemption "+c.String(), err)
	}
	bag, err := s.reply(ctx, blocks[:min(len(blocks), 2)]...)
	if err == nil && len(blocks) > 2 && blocks[2].Defined() {
		// The receiver may have the ciphertext, or find it with the principal.
		if block, err := s.records.Get(ctx, blocks[2]); err == nil {
			bag.Add(block)
		} else {
			s.records.Log.Warn("ciphertext not sent with a release", "block", blocks[2], "error", err)
		}
	}
	return peer.FulfilledSecret{OrderPart4CID: blocks[0].String(), Blocks: bag}, err
}

// mending repeats what met a damaged block, if the call brought the right bytes.
func mending[T any](ctx context.Context, s *Service, bag peer.Bag, do func() (T, error)) (T, error) {
	out, err := do()
	if errors.Is(err, store.ErrDamaged) && s.records.MendFrom(ctx, bag) {
		return do()
	}
	return out, err
}

// release answers with the release, its detached share, and the ciphertext that
// the receiver needs beside them. A repeat, which anyone could send, is answered
// with the release alone: its parties fetch the rest with a proof of who asks.
func (s *Service) release(ctx context.Context, c dag.CID, req peer.FulfillSecret) ([]dag.CID, error) {
	if given, _, err := s.first(ctx, c, req.Blocks); err != nil || given.Defined() {
		return []dag.CID{given}, err
	}
	block, ok := req.Blocks.Get(c)
	if !ok {
		return nil, fault.New(fault.Invalid, "expected the redemption's block in the call")
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return nil, err
	}
	row, err := s.ordered(ctx, e)
	if err != nil {
		return nil, err
	}
	if row.What == string(order.Network) {
		return nil, fault.New(fault.Denied, "a network's share is never released")
	}
	if err := s.fresh(e); err != nil {
		return nil, err
	}
	if err := s.records.Lacks(ctx, req.Blocks, req.Documents, e.Header.Signer); err != nil {
		return nil, err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return nil, err
	}
	red, err := s.records.Redemption(ctx, o, c, req.Blocks)
	if err != nil {
		return nil, err
	}
	custodian, index, err := s.custodian(o)
	if err != nil {
		return nil, err
	}
	a, deposit, err := s.kept(ctx, o)
	if err != nil {
		return nil, err
	}
	parties, err := s.inForce(ctx, red, req.Blocks, append(records.Concerned(o, index), red.Signer().Party())...)
	if err != nil {
		return nil, err
	}
	got, err := custodian.Restore(ctx, Restore{
		Order:      Shown{o.Block(), o.Plain()},
		Acceptance: Shown{a.Block(), a.Plain()},
		Redemption: Shown{red.Block(), red.Plain()},
		Operation:  red.HeaderCID(),
		Purpose:    Purpose(o.Terms().What),
		Parties:    parties,
		Deposit:    deposit,
		Checkpoint: s.records.Audit.Newest(),
	})
	if err != nil {
		return nil, fmt.Errorf("custody %q: %w", custodian.Name(), err)
	}
	release := dag.Sum(got.Release.Block)
	rel, err := s.records.Release(ctx, red, release, req.Blocks.With(got.Release.Block))
	if err != nil {
		return nil, doesNotHold(custodian, err)
	}
	if rel.Index() != index || rel.Share() != dag.Sum(got.Share) {
		return nil, fault.New(fault.Internal, "custody %q: its release links another share", custodian.Name())
	}
	if err := s.commitRelease(ctx, o, red, rel, a.CID(), parties, got); err != nil {
		if given, _, known := s.first(ctx, c, req.Blocks); fault.Of(err) == fault.Conflict && known == nil && given.Defined() {
			return []dag.CID{given}, nil // another call of the same redemption was first
		}
		return nil, err
	}
	return []dag.CID{rel.CID(), rel.Share(), o.Ciphertext()}, nil
}

// ordered finds the order that a redemption is of: the last of its links.
func (s *Service) ordered(ctx context.Context, e *envelope.Envelope) (row records.Row, err error) {
	if e.Header.Kind != envelope.Redemption || len(e.Header.Previous) < 2 {
		return row, fault.New(fault.Invalid, "expected a redemption that links acceptances and an order; found %q with %d links", e.Header.Kind, len(e.Header.Previous))
	}
	return s.orderOf(ctx, e.Header.Previous[len(e.Header.Previous)-1])
}

// orderOf finds the order that another envelope links.
func (s *Service) orderOf(ctx context.Context, c dag.CID) (row records.Row, err error) {
	err = s.records.Store.View(ctx, func(tx *store.Tx) error {
		link, err := tx.OrderOf(c)
		if err != nil {
			return err
		}
		row, err = records.ReadRow(tx, Role, link.Chain)
		return err
	})
	if err != nil {
		return row, fault.About("order "+c.String(), err)
	}
	if row.CID != c {
		return row, fault.New(fault.Denied, "order %s: expected the order %s", c, row.CID)
	}
	return row, nil
}

// kept finds the acceptance of an order, and the deposit that it links.
func (s *Service) kept(ctx context.Context, o *order.VerifiedOrder) (*order.VerifiedAcceptance, []byte, error) {
	acceptance, _, err := s.answer(ctx, o.CID())
	if err != nil {
		return nil, nil, err
	}
	if !acceptance.Defined() {
		return nil, nil, fault.New(fault.NotFound, "order %s: it is not accepted", o.CID())
	}
	a, err := s.records.Acceptance(ctx, o, acceptance, peer.Bag{})
	if err != nil {
		return nil, nil, err
	}
	c := a.Receipt().Deposit
	block, err := s.records.Get(ctx, c)
	if err != nil {
		return nil, nil, fmt.Errorf("deposit: %w", err)
	}
	deposit, err := order.GetDeposit(c, block)
	return a, deposit, err
}

func (s *Service) commitRelease(ctx context.Context, o *order.VerifiedOrder, red *order.VerifiedRedemption, rel *order.VerifiedRelease, acceptance dag.CID, parties []*identity.Identity, got Restored) error {
	ref, publish := records.Key(o), o.Terms().Publish
	return s.records.Write(ctx, func(w *records.Writer) error {
		for _, id := range parties {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		if err := w.Envelope(ref, envelope.Redemption, red.CID(), red.Block(), publish); err != nil {
			return err
		}
		if err := w.Envelope(ref, envelope.Release, rel.CID(), got.Release.Block, publish); err != nil {
			return err
		}
		if err := w.Detached(ref, rel.Share(), got.Share, publish); err != nil {
			return err
		}
		if err := w.PutAnswer(red.CID(), rel.CID(), rel.Share()); err != nil {
			return err
		}
		err := w.Change(Role, ref, func(r *records.Row) error {
			if r.State == string(order.Released) {
				return nil
			}
			return r.Advance(order.EventRedeem, order.EventRelease)
		})
		if err != nil {
			return err
		}
		if err := w.Audit("order.released", red.Signer().Name, ref, rel.CID(), "to "+red.Receiver().String()); err != nil {
			return err
		}
		return s.notify(w, o, envelope.Release, red.Signer().Name, o.CID(), acceptance, red.CID(), rel.CID())
	})
}
