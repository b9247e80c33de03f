package records

import (
	"context"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// place is where a part was verified to belong: under the part before it.
type place struct{ under, part dag.CID }

// part finds a part that was verified under the one before it, or gets its block
// — from the call's bag, the store or the network — and verifies it.
func part[T any](ctx context.Context, r *Records, what string, under, c dag.CID, bag peer.Bag, verify func(block []byte, who order.Parties) (T, error)) (T, error) {
	if known, ok := r.verified.Get(place{under, c}); ok {
		// A part of another kind is not what was asked for: its verification,
		// below, says so.
		if known, ok := known.(T); ok {
			return known, nil
		}
	}
	var none T
	block, ok := bag.Get(c)
	if !ok {
		var err error
		if block, err = r.Get(ctx, c); err != nil {
			return none, fault.About(what+" "+c.String(), err)
		}
	}
	got, err := verify(block, r.parties(ctx, bag))
	if err != nil {
		return none, fault.About(what+" "+c.String(), err)
	}
	if len(block) <= cachedPart {
		r.verified.Put(place{under, c}, got)
	}
	return got, nil
}

// parties finds identities in a bag and in what this node knows, and remembers
// whose signatures held.
func (r *Records) parties(ctx context.Context, bag peer.Bag) order.Parties {
	return order.Remembering(r.Directory.Parties(ctx, bag), r.signatures)
}

// cachedPart is the largest envelope that is remembered as verified, in bytes.
const cachedPart = 64 << 10

// Order verifies an order and opens it with the node's key.
func (r *Records) Order(ctx context.Context, c dag.CID, bag peer.Bag) (*order.VerifiedOrder, error) {
	return part(ctx, r, "order", dag.CID{}, c, bag, func(block []byte, who order.Parties) (*order.VerifiedOrder, error) {
		return order.OpenOrder(r.Keys, block, who)
	})
}

// Made remembers an order that this node has just sealed, once its record is on
// disk, so that nobody here verifies the node's own signature.
func (r *Records) Made(ctx context.Context, s *envelope.Sealed) error {
	o, err := order.MadeOrder(s, r.parties(ctx, peer.Bag{}))
	if err == nil {
		r.verified.Put(place{dag.CID{}, s.CID}, o)
	}
	return err
}

// MadeRedemption does the same for a redemption.
func (r *Records) MadeRedemption(ctx context.Context, o *order.VerifiedOrder, s *envelope.Sealed) error {
	red, err := order.MadeRedemption(o, s, r.parties(ctx, peer.Bag{}))
	if err == nil {
		r.verified.Put(place{o.CID(), s.CID}, red)
	}
	return err
}

// Acceptance verifies an acceptance of an order.
func (r *Records) Acceptance(ctx context.Context, o *order.VerifiedOrder, c dag.CID, bag peer.Bag) (*order.VerifiedAcceptance, error) {
	return part(ctx, r, "acceptance", o.CID(), c, bag, func(block []byte, who order.Parties) (*order.VerifiedAcceptance, error) {
		return order.OpenAcceptance(r.Keys, o, block, who)
	})
}

// Redemption verifies a redemption of an order.
func (r *Records) Redemption(ctx context.Context, o *order.VerifiedOrder, c dag.CID, bag peer.Bag) (*order.VerifiedRedemption, error) {
	return part(ctx, r, "redemption", o.CID(), c, bag, func(block []byte, who order.Parties) (*order.VerifiedRedemption, error) {
		return order.OpenRedemption(r.Keys, o, block, who)
	})
}

// Release verifies a release that answers a redemption; its own acceptance is
// the second of its links.
func (r *Records) Release(ctx context.Context, red *order.VerifiedRedemption, c dag.CID, bag peer.Bag) (*order.VerifiedRelease, error) {
	return part(ctx, r, "release", red.CID(), c, bag, func(block []byte, who order.Parties) (*order.VerifiedRelease, error) {
		e, err := envelope.Parse(block)
		if err != nil {
			return nil, err
		}
		if len(e.Header.Previous) != 2 {
			return nil, fault.New(fault.Invalid, "expected links to a redemption and an acceptance; found %d", len(e.Header.Previous))
		}
		a, err := r.Acceptance(ctx, red.Order(), e.Header.Previous[1], bag)
		if err != nil {
			return nil, err
		}
		return order.OpenRelease(r.Keys, red, a, block, who)
	})
}

// Doubtful is the error for a peer's answer that was not found to hold, for whoever
// asks it again. Only what the peer has said is called its fault in the log: this
// node may have failed, or stopped waiting, while it verified.
func (r *Records) Doubtful(node, asked dag.CID, why error) error {
	if fault.Of(why).Final() {
		r.Log.Error("a fiduciary's answer does not hold", "fiduciary", node, "to", asked, "error", why)
		return fault.New(fault.Unavailable, "its answer does not hold: %w", why)
	}
	r.Log.Warn("a fiduciary's answer was not verified", "fiduciary", node, "to", asked, "error", why)
	return fault.New(fault.Unavailable, "its answer was not verified: %w", why)
}
