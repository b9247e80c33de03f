package records

import (
	"context"
	"fmt"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// News is what a notice tells of one order, verified.
type News struct {
	Order       *order.VerifiedOrder
	Acceptances []*order.VerifiedAcceptance
	Redemption  *order.VerifiedRedemption // with Release, or nil
	Release     *order.VerifiedRelease
	Blocks      peer.Bag
}

// Verify reads a notice: the order, its acceptances and at most one redemption
// with its release, in whatever sequence they are named.
func (r *Records) Verify(ctx context.Context, n peer.Notice) (news News, err error) {
	byKind := make(map[envelope.Kind][]dag.CID)
	if len(n.Envelopes) > 1+order.MaxFiduciaries+2 {
		return news, fault.New(fault.Invalid, "notice: expected at most %d envelopes; found %d", 3+order.MaxFiduciaries, len(n.Envelopes))
	}
	for _, text := range n.Envelopes {
		c, err := dag.Parse(text)
		if err != nil {
			return news, err
		}
		block, ok := n.Blocks.Get(c)
		if !ok {
			if block, err = r.Get(ctx, c); err != nil {
				return news, err
			}
		}
		e, err := envelope.Parse(block)
		if err != nil {
			return news, err
		}
		if e.Header.Kind == envelope.Order {
			if err := r.expected(e.Header.Signer.Name); err != nil {
				return news, err
			}
		}
		byKind[e.Header.Kind] = append(byKind[e.Header.Kind], c)
	}
	if len(byKind[envelope.Order]) != 1 || len(byKind[envelope.Redemption]) > 1 || len(byKind[envelope.Release]) != len(byKind[envelope.Redemption]) {
		return news, fault.New(fault.Invalid, "notice: expected one order, its acceptances, and no or one redemption with its release")
	}
	news.Blocks = n.Blocks
	if news.Order, err = r.Order(ctx, byKind[envelope.Order][0], n.Blocks); err != nil {
		return news, err
	}
	for _, c := range byKind[envelope.Acceptance] {
		a, err := r.Acceptance(ctx, news.Order, c, n.Blocks)
		if err != nil {
			return news, err
		}
		news.Acceptances = append(news.Acceptances, a)
	}
	for _, c := range byKind[envelope.Redemption] {
		if news.Redemption, err = r.Redemption(ctx, news.Order, c, n.Blocks); err != nil {
			return news, err
		}
		news.Release, err = r.Release(ctx, news.Redemption, byKind[envelope.Release][0], n.Blocks)
	}
	return news, err
}

// expected refuses news of orders placed by strangers, before anything of them
// is verified: otherwise anybody could fill the store and the processors.
func (r *Records) expected(principal dag.CID) error {
	if _, ok := r.Directory.PeerOf(principal); !ok {
		return fault.New(fault.Denied, "principal %s: it is none of this node's peers", principal)
	}
	return nil
}

// Learn records the news of an order that this node already knows: what is new
// is added, what is known is left as it is, and news that is all known changes
// nothing.
func (r *Records) Learn(ctx context.Context, role, ref string, news News) error {
	links, err := r.Envelopes(ctx, ref)
	if err != nil {
		return err
	}
	known := make(map[dag.CID]bool)
	released := 0
	for _, l := range links {
		known[l.CID] = true
		if l.Kind == string(envelope.Release) {
			released++
		}
	}
	row, err := r.Row(ctx, role, ref)
	if err != nil {
		return err
	}
	fresh, terms := news.parts(known), news.Order.Terms()
	behind := released >= int(terms.T) && row.State != string(order.Released)
	if len(fresh) == 0 && !behind {
		return nil
	}
	return r.Write(ctx, func(w *Writer) error {
		for _, p := range fresh {
			if err := w.Chain(p.Signer()); err != nil {
				return err
			}
			if err := w.Envelope(ref, p.Header().Kind, p.CID(), p.Block(), terms.Publish); err != nil {
				return err
			}
			if p.Header().Kind == envelope.Release {
				released++
			}
		}
		for _, c := range news.detached() {
			if block, ok := news.Blocks.Get(c); ok {
				if err := w.Detached(ref, c, block, terms.Publish); err != nil {
					return err
				}
			}
		}
		if err := w.Audit("notice.received", r.Self().Name, ref, news.Order.CID(), fmt.Sprintf("%d new", len(fresh))); err != nil {
			return err
		}
		return w.Change(role, ref, func(row *Row) error {
			if row.Commitment == nil && len(news.Acceptances) > 0 {
				row.Commitment = news.Acceptances[0].Commitment()
			}
			if released < int(terms.T) || row.State == string(order.Released) {
				return nil
			}
			if row.State == string(order.Ordered) {
				if err := row.Advance(order.EventAccept); err != nil {
					return err
				}
			}
			return row.Advance(order.EventRedeem, order.EventRelease)
		})
	})
}

// parts lists what of the news is not known yet, in the order of the chain.
func (n News) parts(known map[dag.CID]bool) (fresh []*order.Part) {
	add := func(p *order.Part) {
		if !known[p.CID()] {
			fresh = append(fresh, p)
		}
	}
	for _, a := range n.Acceptances {
		add(&a.Part)
	}
	if n.Release != nil {
		add(&n.Redemption.Part)
		add(&n.Release.Part)
	}
	return fresh
}

// detached lists the blocks that go with a release.
func (n News) detached() []dag.CID {
	if n.Release == nil {
		return nil
	}
	return []dag.CID{n.Release.Share(), n.Order.Ciphertext()}
}
