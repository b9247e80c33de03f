package redemption

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// collect asks every fiduciary that has not yet answered the redemption, and
// records the releases. It succeeds once as many have released as the terms
// need; a fiduciary that fails does not hold up the others.
func (s *Service) collect(ctx context.Context, ref string, redemption dag.CID) error {
	row, err := s.records.Row(ctx, s.role, ref)
	if err != nil {
		return err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return err
	}
	red, err := s.records.Redemption(ctx, o, redemption, peer.Bag{})
	if err != nil {
		return err
	}
	have, err := s.releases(ctx, red)
	if err != nil {
		return err
	}
	if len(have) >= int(o.Terms().T) {
		return nil
	}
	got, failures := s.ask(ctx, red, have)
	if len(have)+len(got) < int(o.Terms().T) {
		return errors.Join(failures...)
	}
	return s.commit(ctx, red, got)
}

// answer is a verified release with the blocks that came with it.
type answer struct {
	release *order.VerifiedRelease
	bag     peer.Bag
}

func (s *Service) ask(ctx context.Context, red *order.VerifiedRedemption, have []*order.VerifiedRelease) (got []answer, failures []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	fiduciaries := red.Order().Terms().Fiduciaries
	done := make(map[int]bool)
	for _, r := range have {
		done[r.Index()] = true
	}
	for i := range fiduciaries {
		if done[i] {
			continue
		}
		wg.Go(func() {
			a, err := s.askOne(ctx, red, fiduciaries[i], i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, fmt.Errorf("fiduciary %s: %w", fiduciaries[i].Node.Name, err))
				return
			}
			got = append(got, a)
		})
	}
	wg.Wait()
	return got, failures
}

func (s *Service) askOne(ctx context.Context, red *order.VerifiedRedemption, f order.Fiduciary, i int) (answer, error) {
	p, ok := s.records.Directory.PeerOf(f.Node.Name)
	if !ok {
		return answer{}, fault.New(fault.Unavailable, "no peer block names it")
	}
	bag := peer.NewBag(red.Block())
	if err := s.records.AddChains(ctx, &bag, records.At(red.Signer(), red.Recipients()...)...); err != nil {
		return answer{}, err
	}
	said, err := p.Fiduciary.FulfillSecret(ctx, peer.FulfillSecret{
		OrderPart3CID: red.CID().String(),
		DocumentCID:   red.Signer().Document.String(),
		Blocks:        bag,
	})
	if err != nil {
		return answer{}, err
	}
	c, err := dag.Parse(said.OrderPart4CID)
	if err != nil {
		return answer{}, fmt.Errorf("its answer: %w", err)
	}
	release, err := s.records.Release(ctx, red, c, said.Blocks)
	if err != nil {
		return answer{}, err
	}
	if release.Index() != i {
		return answer{}, fault.New(fault.Denied, "release %s: expected that of fiduciary %d; found %d", c, i, release.Index())
	}
	return answer{release, said.Blocks}, nil
}

// commit records releases, the detached blocks they link, and that the order is
// released.
func (s *Service) commit(ctx context.Context, red *order.VerifiedRedemption, got []answer) error {
	o := red.Order()
	ref, publish := o.Terms().ReferenceHex(), o.Terms().Publish
	return s.records.Write(ctx, func(w *records.Writer) error {
		for _, a := range got {
			if err := w.Envelope(ref, envelope.Release, a.release.CID(), a.release.Block(), publish); err != nil {
				return err
			}
			for _, c := range []dag.CID{a.release.Share(), o.Ciphertext()} {
				if block, ok := a.bag.Get(c); ok {
					if err := w.Detached(ref, c, block, publish); err != nil {
						return err
					}
				}
			}
			node := o.Terms().Fiduciaries[a.release.Index()].Node
			if err := w.Track(ctx, node, ref, a.release.Checkpoint(), a.release.Header().Time); err != nil {
				return err
			}
			if err := w.Audit("order.released", a.release.Custody(), ref, a.release.CID(), "to "+red.Receiver().String()); err != nil {
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
			return r.Advance(order.EventRelease)
		})
	})
}

// releases finds the releases of a redemption that this node holds.
func (s *Service) releases(ctx context.Context, red *order.VerifiedRedemption) ([]*order.VerifiedRelease, error) {
	links, err := s.records.Envelopes(ctx, red.Order().Terms().ReferenceHex(), envelope.Release)
	if err != nil {
		return nil, err
	}
	var found []*order.VerifiedRelease
	for _, l := range links {
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
		found = append(found, r)
	}
	return found, nil
}

// open combines the releases of a redemption.
func (s *Service) open(ctx context.Context, ref string, redemption dag.CID) (Secret, error) {
	row, err := s.records.Row(ctx, s.role, ref)
	if err != nil {
		return Secret{}, err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return Secret{}, err
	}
	red, err := s.records.Redemption(ctx, o, redemption, peer.Bag{})
	if err != nil {
		return Secret{}, err
	}
	releases, err := s.releases(ctx, red)
	if err != nil {
		return Secret{}, err
	}
	if len(releases) == 0 {
		return Secret{}, fault.New(fault.Unavailable, "order %s: redemption %s has no release", ref, redemption)
	}
	out := Secret{
		Reference: ref, What: o.Terms().What, Commitment: row.Commitment,
		Redemption: redemption, Release: releases[0].CID(),
	}
	if red.Receiver() != s.records.Self().Name {
		return out, nil
	}
	key, err := s.receiverKey(row, red)
	if err != nil {
		return Secret{}, err
	}
	defer key.Reply.Clear()
	out.Material, err = s.combine(ctx, o, releases, key)
	return out, err
}

// receiverKey is what this node opens a redemption's releases with: the reply
// key, or, where the redemption had none, the node's own keyring.
func (s *Service) receiverKey(row records.Row, red *order.VerifiedRedemption) (order.ReceiverKey, error) {
	if len(red.ReplyKey()) == 0 {
		return order.ReceiverKey{Keyring: s.records.Keys}, nil
	}
	if row.Redemption != red.CID() {
		return order.ReceiverKey{}, fault.New(fault.Conflict, "order %s: the reply key of redemption %s is no longer kept; redeem anew", row.Reference, red.CID())
	}
	reply, err := s.openReply(row)
	return order.ReceiverKey{Reply: reply}, err
}

// combine opens the released shares and, once the terms' threshold of them is
// good, recovers the secret. A fiduciary whose share is bad is named and passed
// over while enough others are left.
func (s *Service) combine(ctx context.Context, o *order.VerifiedOrder, releases []*order.VerifiedRelease, key order.ReceiverKey) (*secret.Bytes, error) {
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
		material, err := order.OpenRelease(r, block, key)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		if o.Terms().What == order.Key {
			return material, nil
		}
		share, err := r.ParseShare(material)
		material.Clear()
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

// delivered opens an order that another redeemer had released to this node: the
// releases are sealed to the node's own document.
func (s *Service) delivered(ctx context.Context, o *order.VerifiedOrder) (Secret, bool, error) {
	ref := o.Terms().ReferenceHex()
	links, err := s.records.Envelopes(ctx, ref, envelope.Redemption)
	if err != nil {
		return Secret{}, false, err
	}
	for _, l := range links {
		red, err := s.records.Redemption(ctx, o, l.CID, peer.Bag{})
		if err != nil {
			return Secret{}, false, err
		}
		if red.Receiver() != s.records.Self().Name || len(red.ReplyKey()) != 0 {
			continue
		}
		releases, err := s.releases(ctx, red)
		if err != nil {
			return Secret{}, false, err
		}
		if len(releases) >= int(o.Terms().T) {
			got, err := s.open(ctx, ref, l.CID)
			return got, true, err
		}
	}
	return Secret{}, false, nil
}
