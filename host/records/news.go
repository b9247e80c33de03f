package records

import (
	"context"

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

// Learn records the news of an order that this node already knows: what is new
// is added, what is known is left as it is.
func (r *Records) Learn(ctx context.Context, role, ref string, news News) error {
	known := make(map[dag.CID]bool)
	links, err := r.Envelopes(ctx, ref)
	if err != nil {
		return err
	}
	for _, l := range links {
		known[l.CID] = true
	}
	publish := news.Order.Terms().Publish
	type part struct {
		kind envelope.Kind
		cid  dag.CID
	}
	var fresh []part
	for _, a := range news.Acceptances {
		fresh = append(fresh, part{envelope.Acceptance, a.CID()})
	}
	if news.Release != nil {
		fresh = append(fresh, part{envelope.Redemption, news.Redemption.CID()}, part{envelope.Release, news.Release.CID()})
	}
	return r.Write(ctx, func(w *Writer) error {
		for _, p := range fresh {
			if known[p.cid] {
				continue
			}
			block, ok := news.Blocks.Get(p.cid)
			if !ok {
				return fault.New(fault.Invalid, "notice: expected the block of %s %s", p.kind, p.cid)
			}
			if err := w.Envelope(ref, p.kind, p.cid, block, publish); err != nil {
				return err
			}
		}
		if news.Release != nil {
			if block, ok := news.Blocks.Get(news.Release.Share()); ok {
				if err := w.Detached(ref, news.Release.Share(), block, publish); err != nil {
					return err
				}
			}
		}
		if err := w.Audit("notice.received", r.Self().Name, ref, news.newest(), ""); err != nil {
			return err
		}
		return w.Change(role, ref, func(row *Row) error {
			if news.Release != nil && row.State != string(order.Released) {
				if err := row.Advance(order.EventRedeem, order.EventRelease); err != nil {
					return err
				}
			}
			if row.Commitment == nil && len(news.Acceptances) > 0 {
				row.Commitment = news.Acceptances[0].Commitment()
			}
			return nil
		})
	})
}

func (n News) newest() dag.CID {
	if n.Release != nil {
		return n.Release.CID()
	}
	if len(n.Acceptances) > 0 {
		return n.Acceptances[0].CID()
	}
	return n.Order.CID()
}
