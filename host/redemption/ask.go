package redemption

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// answer is a verified release with the blocks that came with it.
type answer struct {
	*order.VerifiedRelease
	bag        peer.Bag
	checkpoint *records.PeerCheckpoint
}

// refused is the fiduciaries' own word that they will not release: so many of
// them that the terms' threshold cannot be reached any more.
type refused struct{ error }

func (r *refused) Unwrap() error { return r.error }

// ask asks every fiduciary of the redemption that has not released and is not bad, all at once, and
// returns as soon as the terms' threshold is reached: a silent one holds up nobody.
func (s *Service) ask(ctx context.Context, red *order.VerifiedRedemption, have []answer, bad []int) (got []answer, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	terms := red.Order().Terms()
	done := make(map[int]bool)
	for _, a := range have {
		done[a.Index()] = true
	}
	for _, i := range bad {
		done[i] = true
	}
	type outcome struct {
		answer
		err error
	}
	outcomes := make(chan outcome, len(terms.Fiduciaries))
	asked := 0
	for _, i := range red.Asked() {
		if done[i] {
			continue
		}
		asked++
		f := terms.Fiduciaries[i]
		go func() {
			var a answer
			err := flight.Contain(func() (err error) {
				a, err = s.askOne(ctx, red, f, i)
				return err
			})
			if err != nil {
				err = fmt.Errorf("fiduciary %s: %w", f.Node.Name, err)
			}
			outcomes <- outcome{a, err}
		}()
	}
	missing := int(terms.T) - len(have)
	var failures []error
	finals := 0
	for range asked {
		o := <-outcomes
		if o.err != nil {
			var refusal *refused
			if errors.As(o.err, &refusal) {
				finals++
			}
			failures = append(failures, o.err)
			continue
		}
		if got = append(got, o.answer); len(got) == missing {
			return got, nil
		}
	}
	if asked-finals >= missing {
		// Others may yet answer; the kind must not be that of one who refused.
		return nil, fault.New(fault.Unavailable, "%w", stripped(failures))
	}
	return nil, errors.Join(failures...)
}

// stripped keeps the words of errors and drops their kinds.
func stripped(failures []error) error {
	text := make([]string, 0, len(failures))
	for _, err := range failures {
		text = append(text, fault.Public(err))
	}
	return errors.New(strings.Join(text, "; "))
}

func (s *Service) askOne(ctx context.Context, red *order.VerifiedRedemption, f order.Fiduciary, i int) (answer, error) {
	p, ok := s.records.Directory.PeerOf(f.Node.Name)
	if !ok {
		return answer{}, fault.New(fault.Unavailable, "no peer block names it")
	}
	bag := peer.NewBag(red.Block())
	// The order and its acceptances, in case they are damaged where they are kept.
	for _, c := range red.Header().Previous {
		if block, err := s.records.Get(ctx, c); err == nil {
			bag.Add(block)
		}
	}
	var said peer.FulfilledSecret
	parties := append(records.Concerned(red.Order(), i), red.Signer().Party())
	err := s.records.Directory.Showing(ctx, p, bag, parties, func(documents []string, along [][]byte) (err error) {
		said, err = p.Fiduciary.FulfillSecret(ctx, peer.FulfillSecret{
			OrderPart3CID: red.CID().String(),
			DocumentCID:   red.Signer().Document.String(),
			Documents:     documents,
			Blocks:        bag.With(along...),
		})
		return err
	})
	if err != nil {
		if fault.Of(err).Final() {
			return answer{}, &refused{err}
		}
		return answer{}, err
	}
	a, err := s.release(ctx, p, red, i, said)
	if err != nil {
		return answer{}, s.records.Doubtful(f.Node.Name, red.CID(), err)
	}
	a.checkpoint = s.records.PeerCheckpoint(ctx, f.Node, a.Checkpoint(), a.Header().Time)
	return a, nil
}

// release verifies what fiduciary i has answered, and gets the detached blocks
// that it did not send along.
func (s *Service) release(ctx context.Context, by *directory.Peer, red *order.VerifiedRedemption, i int, said peer.FulfilledSecret) (answer, error) {
	c, err := dag.Parse(said.OrderPart4CID)
	if err != nil {
		return answer{}, err
	}
	if err := s.records.Answered(ctx, by, c, said.Blocks); err != nil {
		return answer{}, err
	}
	l, err := s.records.Release(ctx, red, c, said.Blocks)
	if err != nil {
		return answer{}, err
	}
	if l.Index() != i {
		return answer{}, fault.New(fault.Denied, "release %s: expected that of fiduciary %d; found %d", c, i, l.Index())
	}
	if red.Receiver() != s.records.Self().Name {
		return answer{VerifiedRelease: l, bag: said.Blocks}, nil
	}
	for _, c := range []dag.CID{l.Share(), red.Order().Ciphertext()} {
		if _, ok := said.Blocks.Get(c); ok || !c.Defined() {
			continue
		}
		block, err := s.records.Get(ctx, c)
		if err != nil {
			return answer{}, fmt.Errorf("block %s: %w", c, err)
		}
		said.Blocks.Add(block)
	}
	return answer{VerifiedRelease: l, bag: said.Blocks}, nil
}
