package redemption

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
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
// need; a fiduciary that fails does not hold up the others.
func (s *Service) collect(ctx context.Context, ref string, redemption dag.CID) (c collected, err error) {
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
	if len(have) < int(o.Terms().T) {
		got, err := s.ask(ctx, red, have)
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

// ask asks every fiduciary that has not released, all at once, and returns as
// soon as the terms' threshold is reached: a silent one holds up nobody.
func (s *Service) ask(ctx context.Context, red *order.VerifiedRedemption, have []answer) (got []answer, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	terms := red.Order().Terms()
	done := make(map[int]bool)
	for _, a := range have {
		done[a.Index()] = true
	}
	type outcome struct {
		answer
		err error
	}
	outcomes := make(chan outcome, len(terms.Fiduciaries))
	asked := 0
	for i, f := range terms.Fiduciaries {
		if done[i] {
			continue
		}
		asked++
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
	parties := append(records.Named(red.Order()), records.At(red.Signer(), red.Recipients()...)...)
	if err := s.records.AddChains(ctx, &bag, parties...); err != nil {
		return answer{}, err
	}
	said, err := p.Fiduciary.FulfillSecret(ctx, peer.FulfillSecret{
		OrderPart3CID: red.CID().String(),
		DocumentCID:   red.Signer().Document.String(),
		Blocks:        bag,
	})
	if err != nil {
		if fault.Of(err).Final() {
			return answer{}, &refused{err}
		}
		return answer{}, err
	}
	a, err := s.release(ctx, red, i, said)
	if err != nil {
		s.records.Log.Error("a fiduciary's answer does not hold", "fiduciary", f.Node.Name, "redemption", red.CID(), "error", err)
		return answer{}, fault.New(fault.Unavailable, "its answer does not hold: %w", err)
	}
	a.checkpoint = s.records.PeerCheckpoint(ctx, f.Node, a.Checkpoint(), a.Header().Time)
	return a, nil
}

// release verifies what fiduciary i has answered, and gets the detached blocks
// that it did not send along.
func (s *Service) release(ctx context.Context, red *order.VerifiedRedemption, i int, said peer.FulfilledSecret) (answer, error) {
	c, err := dag.Parse(said.OrderPart4CID)
	if err != nil {
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

// commit records releases, the detached blocks they link, and that the order is
// released.
func (s *Service) commit(ctx context.Context, red *order.VerifiedRedemption, got []answer) (row records.Row, err error) {
	o := red.Order()
	ref, publish := o.Terms().ReferenceHex(), o.Terms().Publish
	err = s.records.Write(ctx, func(w *records.Writer) error {
		for _, a := range got {
			if err := w.Chain(a.Signer()); err != nil {
				return err
			}
			if err := w.Envelope(ref, envelope.Release, a.CID(), a.Block(), publish); err != nil {
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

// releases finds the releases of a redemption among an order's links.
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
		found = append(found, answer{VerifiedRelease: r})
	}
	return found, nil
}

// open combines the releases of a redemption. The reply key is the caller's, or nil:
// then it is read from the record.
func (s *Service) open(ctx context.Context, c collected, reply *seal.PrivateKey) (Secret, error) {
	o := c.red.Order()
	out := Secret{
		Reference: o.Terms().ReferenceHex(), What: o.Terms().What, Commitment: c.row.Commitment,
		Redemption: c.red.CID(), Release: c.releases[0].CID(),
	}
	if c.red.Receiver() != s.records.Self().Name {
		return out, nil
	}
	key := order.ReceiverKey{Reply: reply}
	if reply == nil {
		var err error
		if key, err = s.receiverKey(c.row, c.red); err != nil {
			return Secret{}, err
		}
		defer key.Reply.Clear()
	}
	var err error
	out.Material, err = s.combine(ctx, o, c.releases, key)
	return out, err
}

// receiverKey is what this node opens a redemption's releases with: the reply
// key, or, where the redemption had none, the node's own keyring.
func (s *Service) receiverKey(row records.Row, red *order.VerifiedRedemption) (order.ReceiverKey, error) {
	if len(red.ReplyKey()) == 0 {
		return order.ReceiverKey{Keyring: s.records.Keys}, nil
	}
	sealed := row.ReplyOf(red.CID())
	if sealed == nil {
		return order.ReceiverKey{}, fault.New(fault.Conflict, "order %s: the reply key of redemption %s is no longer kept; redeem anew", row.Reference, red.CID())
	}
	reply, err := s.openReply(red.CID(), sealed)
	return order.ReceiverKey{Reply: reply}, err
}

// combine opens the released shares and, once the terms' threshold of them is
// good, recovers the secret. A fiduciary whose share is bad is named and passed
// over while enough others are left.
func (s *Service) combine(ctx context.Context, o *order.VerifiedOrder, releases []answer, key order.ReceiverKey) (*secret.Bytes, error) {
	var shares []*vss.Share
	var bad []error
	defer func() {
		for _, share := range shares {
			share.Clear()
		}
	}()
	for _, r := range releases {
		block, err := s.records.Get(ctx, r.Share())
		if err != nil {
			return nil, fmt.Errorf("released share %s: %w", r.Share(), err)
		}
		if o.Terms().What == order.Key { // it has one fiduciary
			return order.OpenRelease(r.VerifiedRelease, block, key)
		}
		share, err := order.OpenReleasedShare(r.VerifiedRelease, block, key)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		shares = append(shares, share)
	}
	if len(shares) < int(o.Terms().T) {
		return nil, errors.Join(bad...)
	}
	ciphertext, err := s.records.Get(ctx, o.Ciphertext())
	if err != nil {
		return nil, fmt.Errorf("ciphertext %s: %w", o.Ciphertext(), err)
	}
	return order.Combine(o, shares, ciphertext)
}

// delivered finds what another redeemer had released to this node, sealed to the
// node's own document; nil when there is none.
func (s *Service) delivered(ctx context.Context, o *order.VerifiedOrder, row records.Row, links records.Links) (*collected, error) {
	for _, l := range links.Of(envelope.Redemption) {
		red, err := s.records.Redemption(ctx, o, l.CID, peer.Bag{})
		if err != nil {
			return nil, err
		}
		if red.Receiver() != s.records.Self().Name || len(red.ReplyKey()) != 0 {
			continue
		}
		releases, err := s.releases(ctx, red, links)
		if err != nil {
			return nil, err
		}
		if len(releases) >= int(o.Terms().T) {
			return &collected{row, red, releases}, nil
		}
	}
	return nil, nil
}
