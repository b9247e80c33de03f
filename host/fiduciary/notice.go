package fiduciary

import (
	"context"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// told is the payload of records.JobNotice.
type told struct {
	To        dag.CID   `cbor:"to"`
	Envelopes []dag.CID `cbor:"envelopes"`
}

// notify queues the news of an envelope, the last of those given, for its audience,
// but for the one that is being answered. This node itself may be one of them.
func (s *Service) notify(w *records.Writer, o *order.VerifiedOrder, kind envelope.Kind, answered dag.CID, envelopes ...dag.CID) error {
	for _, name := range records.Audience(kind, o.Terms()) {
		if name == answered {
			continue
		}
		if err := s.queue(w, name, envelopes); err != nil {
			return err
		}
	}
	return nil
}

// queue leaves the news to the courier: the envelopes, the newest last.
func (s *Service) queue(w *records.Writer, to dag.CID, envelopes []dag.CID) error {
	if _, ok := s.records.Directory.PeerOf(to); !ok {
		return nil // it can still ask: nothing says where it is
	}
	key := envelopes[len(envelopes)-1].String() + " " + to.String()
	return w.LaterTo(to.String(), records.JobNotice, key, told{To: to, Envelopes: envelopes}, 0)
}

// Tell delivers a queued notice; it is what the courier calls.
func (s *Service) Tell(ctx context.Context, payload []byte) error {
	var t told
	if err := dag.Decode(payload, &t); err != nil {
		return err
	}
	to, err := s.recipient(t.To)
	if err != nil {
		return err
	}
	blocks, err := s.records.Blocks(ctx, t.Envelopes...)
	if err != nil {
		return err
	}
	bag := peer.NewBag(blocks...)
	var parties []identity.Party
	notice := peer.Notice{}
	o, err := s.records.Order(ctx, t.Envelopes[0], peer.Bag{})
	if err != nil {
		return err
	}
	_, index, err := s.custodian(o)
	if err != nil {
		return err
	}
	parties = append(parties, records.Concerned(o, index)...)
	kinds := make(map[envelope.Kind]dag.CID)
	for i, c := range t.Envelopes {
		notice.Envelopes = append(notice.Envelopes, c.String())
		e, err := envelope.Parse(blocks[i])
		if err != nil {
			return err
		}
		kinds[e.Header.Kind] = c
		parties = append(parties, e.Header.Signer)
	}
	var asked *issue.VerifiedRequest
	if c, ok := kinds[envelope.Request]; ok {
		if asked, err = s.records.Request(ctx, o, c, peer.Bag{}); err != nil {
			return err
		}
		parties = append(parties, records.Asking(asked)...)
		roll, err := s.records.Roll(ctx, asked, peer.Bag{})
		if err != nil {
			return err
		}
		if roll != nil {
			bag.Add(roll)
		}
	}
	if c, ok := kinds[envelope.Release]; ok {
		if err := s.detachedFor(ctx, &bag, t.To, o, kinds[envelope.Redemption], c); err != nil {
			return err
		}
	}
	err = s.records.Directory.Showing(ctx, to, bag, parties, func(documents []string, along [][]byte) error {
		notice.Documents, notice.Blocks = documents, bag.With(along...)
		return to.Notify(ctx, notice)
	})
	if err != nil {
		return s.again(o, err)
	}
	if asked != nil {
		return s.records.Shorten(ctx, asked)
	}
	return nil
}

// recipient is who is told.
func (s *Service) recipient(name dag.CID) (*directory.Peer, error) {
	p, ok := s.records.Directory.PeerOf(name)
	if !ok {
		return nil, fault.New(fault.NotFound, "notice to %s: no peer block names it any more", name)
	}
	return p, nil
}

// again has a notice that was refused tried until its order has expired: its
// recipient's operator may not yet have named this order's principal.
func (s *Service) again(o *order.VerifiedOrder, err error) error {
	if now, clock := s.records.Clock.Now(); clock == nil && now.UnixMilli() > o.Header().Expires {
		return err
	}
	return fault.New(fault.Unavailable, "notice of order %s: %w", o.CID(), err)
}

// detachedFor adds the blocks that a release's receiver needs, and nobody else: the
// sealed share and the ciphertext.
func (s *Service) detachedFor(ctx context.Context, bag *peer.Bag, to dag.CID, o *order.VerifiedOrder, redemption, release dag.CID) error {
	red, err := s.records.Redemption(ctx, o, redemption, peer.Bag{})
	if err != nil {
		return err
	}
	rel, err := s.records.Release(ctx, red, release, peer.Bag{})
	if err != nil {
		return err
	}
	if red.Receiver() != to {
		return nil
	}
	wanted := []dag.CID{rel.Share()}
	if o.Ciphertext().Defined() {
		wanted = append(wanted, o.Ciphertext())
	}
	blocks, err := s.records.Blocks(ctx, wanted...)
	if err != nil {
		return err
	}
	bag.Add(blocks...)
	return nil
}
