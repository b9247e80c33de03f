package redemption

import (
	"context"
	"errors"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// open combines the releases of a redemption. The root of its reply keys is the
// caller's, or nil: then it is read from the record.
func (s *Service) open(ctx context.Context, c collected, reply *secret.Bytes) (Secret, error) {
	o := c.red.Order()
	out := Secret{
		Reference: o.Terms().ReferenceHex(), What: o.Terms().What, KeyType: o.Algorithm(), Commitment: c.row.Commitment,
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

// receiverKey is what this node opens a redemption's releases with: the root of the
// reply keys, or, where the redemption had none, the node's own keyring.
func (s *Service) receiverKey(row records.Row, red *order.VerifiedRedemption) (order.ReceiverKey, error) {
	if !red.HasReplyKeys() {
		return order.ReceiverKey{Keyring: s.records.Keys}, nil
	}
	sealed := row.ReplyOf(red.CID())
	if sealed == nil {
		return order.ReceiverKey{}, fault.New(fault.Conflict, "order %s: the reply keys of redemption %s are no longer kept; redeem anew", row.Key(), red.CID())
	}
	reply, err := s.openReply(red.CID(), sealed)
	return order.ReceiverKey{Reply: reply}, err
}

// spoilt says whose shares were bad or not to be had, by their places, where too few
// good ones are left.
type spoilt struct {
	error
	by []int
}

func (s *spoilt) Unwrap() error { return s.error }

// combine opens the released shares until the terms' threshold of them is good, and
// recovers the secret. A fiduciary whose share is bad, or handed out to nobody, is
// named and passed over while enough others are left; else the error is *spoilt.
func (s *Service) combine(ctx context.Context, o *order.VerifiedOrder, releases []answer, key order.ReceiverKey) (*secret.Bytes, error) {
	var shares []*vss.Share
	var failures []error
	var by []int
	defer func() {
		for _, share := range shares {
			share.Clear()
		}
	}()
	for _, r := range releases {
		if len(shares) == int(o.Terms().T) {
			break
		}
		block, err := s.records.Get(ctx, r.Share())
		if err != nil {
			err = fault.New(fault.Unavailable, "custody identity %s: the share that it released is not to be had: %w", r.Custody(), err)
			failures, by = append(failures, err), append(by, r.Index())
			continue
		}
		if o.Terms().What == order.Key { // it has one fiduciary
			return order.OpenReleasedMaterial(r.VerifiedRelease, block, key)
		}
		share, err := order.OpenReleasedShare(r.VerifiedRelease, block, key)
		if err != nil {
			failures, by = append(failures, err), append(by, r.Index())
			continue
		}
		shares = append(shares, share)
	}
	if len(shares) < int(o.Terms().T) {
		return nil, &spoilt{errors.Join(failures...), by}
	}
	ciphertext, err := s.records.Get(ctx, o.Ciphertext())
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the secret's ciphertext is not to be had: %w", err)
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
		if red.Receiver() != s.records.Self().Name || red.HasReplyKeys() {
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
