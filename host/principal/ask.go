package principal

import (
	"context"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// accepted is a verified acceptance, ready to be recorded.
type accepted struct {
	*order.VerifiedAcceptance
	bag        peer.Bag // that came with it
	checkpoint *records.PeerCheckpoint
}

// refused is a fiduciary's own word that it will not have the order.
type refused struct{ error }

func (r *refused) Unwrap() error { return r.error }

// ask sends the order to every fiduciary that has not accepted it, all at once, and
// hands on each acceptance that holds as it comes: who is silent holds up nobody
// else. The first refusal ends it, and so does an error of take.
func (s *Service) ask(ctx context.Context, o *order.VerifiedOrder, have []*order.VerifiedAcceptance, take func(accepted) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		accepted
		err error
	}
	outcomes := make(chan outcome, len(have))
	asked := 0
	for i, f := range o.Terms().Fiduciaries {
		if have[i] != nil {
			continue
		}
		asked++
		go func() {
			var a accepted
			err := flight.Contain(func() (err error) {
				a, err = s.askOne(ctx, o, i)
				return err
			})
			if err != nil {
				err = fmt.Errorf("fiduciary %s: %w", f.Node.Name, err)
			}
			outcomes <- outcome{a, err}
		}()
	}
	var failures []error
	for range asked {
		got := <-outcomes
		var refusal *refused
		switch {
		case errors.As(got.err, &refusal):
			return got.err
		case got.err != nil:
			failures = append(failures, got.err)
			continue
		}
		if err := take(got.accepted); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}

func (s *Service) askOne(ctx context.Context, o *order.VerifiedOrder, i int) (accepted, error) {
	f := o.Terms().Fiduciaries[i]
	p, ok := s.records.Directory.PeerOf(f.Node.Name)
	if !ok {
		return accepted{}, fault.New(fault.Unavailable, "no peer block names it any more")
	}
	bag, err := s.bag(ctx, o, i)
	if err != nil {
		return accepted{}, err
	}
	var answer peer.FulfilledOrder
	err = s.records.Directory.Showing(ctx, p, bag, records.Concerned(o, i), func(documents []string, along [][]byte) error {
		answer, err = p.Fiduciary.FulfillOrder(ctx, peer.FulfillOrder{
			OrderPart1CID: o.CID().String(),
			DocumentCID:   s.records.Self().Document.String(),
			Documents:     documents,
			Blocks:        bag.With(along...),
		})
		return err
	})
	if err != nil {
		if fault.Of(err).Final() {
			return accepted{}, &refused{err}
		}
		return accepted{}, err
	}
	a, err := s.acceptance(ctx, p, o, i, answer)
	if err != nil {
		return accepted{}, s.records.Doubtful(f.Node.Name, o.CID(), err)
	}
	return accepted{a, answer.Blocks, s.records.PeerCheckpoint(ctx, f.Node, a.Checkpoint(), a.Header().Time)}, nil
}

// acceptance verifies what fiduciary i has answered.
func (s *Service) acceptance(ctx context.Context, by *directory.Peer, o *order.VerifiedOrder, i int, answer peer.FulfilledOrder) (*order.VerifiedAcceptance, error) {
	c, err := dag.Parse(answer.OrderPart2CID)
	if err != nil {
		return nil, err
	}
	if err := s.records.Answered(ctx, by, c, answer.Blocks); err != nil {
		return nil, err
	}
	a, err := s.records.Acceptance(ctx, o, c, answer.Blocks)
	if err != nil {
		return nil, err
	}
	if a.Index() != i {
		return nil, fault.New(fault.Denied, "acceptance %s: expected that of fiduciary %d; found %d", c, i, a.Index())
	}
	return a, nil
}

// bag is what fiduciary i must be shown: the order, its own share, and the secret's
// ciphertext.
func (s *Service) bag(ctx context.Context, o *order.VerifiedOrder, i int) (peer.Bag, error) {
	wanted := []dag.CID{o.CID()}
	if len(o.Shares()) > 0 {
		wanted = append(wanted, o.Shares()[i])
	}
	if o.Ciphertext().Defined() {
		wanted = append(wanted, o.Ciphertext())
	}
	blocks, err := s.records.Blocks(ctx, wanted...)
	return peer.NewBag(blocks...), err
}

// Notice takes in the news of an order that this node placed: an acceptance or
// a release that arrived by the fiduciary's outbox. Of an order that is not on
// record it takes nothing.
func (s *Service) Notice(ctx context.Context, ref string, news records.News) error {
	row, err := s.records.Row(ctx, Role, ref)
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if row.State == string(order.Ordered) {
		if _, err := s.step(ctx, ref); err != nil {
			return fault.New(fault.Unavailable, "order %s is not accepted yet: %w", ref, err)
		}
	}
	return s.records.Learn(ctx, Role, ref, news)
}
