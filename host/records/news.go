package records

import (
	"context"
	"fmt"
	"slices"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// News is what a notice tells of one order, verified.
type News struct {
	Order       *order.VerifiedOrder
	Acceptances []*order.VerifiedAcceptance
	Redemption  *order.VerifiedRedemption // with Release, or nil
	Release     *order.VerifiedRelease
	Request     *issue.VerifiedRequest // with Grant, or nil
	Grant       *issue.VerifiedGrant
	Revocation  *issue.VerifiedRevocation // or nil
	Blocks      peer.Bag

	told    []told    // every envelope, in the order of the table of kinds
	carried []dag.CID // the detached blocks that come with them
}

// told is an envelope of the news, and the one whose chapter it belongs to;
// undefined where it is in the order's own chain.
type told struct {
	part  *order.Part
	heads dag.CID
}

// Verify reads a notice: an order and what follows it, as the table of kinds allows,
// in whatever sequence they are named.
func (r *Records) Verify(ctx context.Context, n peer.Notice) (news News, err error) {
	named := make(map[envelope.Kind][]dag.CID)
	var signers []identity.Party
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
		named[e.Header.Kind] = append(named[e.Header.Kind], c)
		signers = append(signers, e.Header.Signer)
	}
	if err := plausible(named); err != nil {
		return news, err
	}
	if err := r.Lacks(ctx, n.Blocks, n.Documents, signers...); err != nil {
		return news, err
	}
	news.Blocks = n.Blocks
	for _, k := range kinds {
		for _, c := range named[k.name] {
			p, err := k.read(ctx, r, &news, c)
			if err != nil {
				return news, err
			}
			t := told{part: p}
			if k.heads != nil {
				t.heads = k.heads(&news)
			}
			news.told = append(news.told, t)
			if k.carries != nil {
				news.carried = append(news.carried, k.carries(&news)...)
			}
		}
	}
	return news, nil
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
	return r.mending(ctx, func() error { return r.learn(ctx, role, ref, news) })
}

func (r *Records) learn(ctx context.Context, role, ref string, news News) error {
	row, links, err := r.History(ctx, role, ref)
	if err != nil {
		return err
	}
	known := make(map[dag.CID]bool)
	for _, l := range links {
		known[l.Header] = true
	}
	if err := r.beside(ctx, ref, news, known); err != nil {
		return err
	}
	var asking []*identity.Identity
	if news.Request != nil {
		if asking, err = r.NewestOf(ctx, news.Blocks, Asking(news.Request)...); err != nil {
			return err
		}
	}
	brought, err := r.lacking(ctx, news)
	if err != nil {
		return err
	}
	fresh, terms := news.fresh(known), news.Order.Terms()
	// Of two that brought releases at once, neither may have seen the other's.
	behind := false
	if row.State != string(order.Released) {
		err = r.Store.View(ctx, func(tx *store.Tx) error {
			behind, err = news.releases(tx, ref)
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(fresh) == 0 && len(brought) == 0 && !behind {
		return nil
	}
	return r.Write(ctx, func(w *Writer) error {
		for _, t := range fresh {
			if err := w.Chain(t.part.Signer()); err != nil {
				return err
			}
			if err := w.Received(news.chain(t, ref), t.part, terms.Publish); err != nil {
				return err
			}
		}
		for _, id := range asking {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		for c, block := range brought {
			if err := w.Detached(ref, c, block, terms.Publish); err != nil {
				return err
			}
		}
		if err := w.Audit("notice.received", r.Self().Name, ref, news.Order.CID(), fmt.Sprintf("%d new", len(fresh))); err != nil {
			return err
		}
		released, err := news.releases(w.Tx, ref)
		if err != nil {
			return err
		}
		return w.Change(role, ref, func(row *Row) error {
			if row.Commitment == nil && len(news.Acceptances) > 0 {
				row.Commitment = news.Acceptances[0].Commitment()
			}
			if !released || row.State == string(order.Released) {
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

// releases tells whether as many fiduciaries as the terms need have answered the
// news's redemption, as far as is on record. Whoever answers it twice counts once.
func (n News) releases(tx *store.Tx, ref string) (bool, error) {
	if n.Redemption == nil {
		return false, nil
	}
	links, err := tx.Envelopes(ref)
	if err != nil {
		return false, err
	}
	var by []dag.CID
	for _, l := range Links(links).Of(envelope.Release) {
		block, _, _, err := tx.Block(l.CID)
		if err != nil {
			return false, err
		}
		e, err := envelope.Parse(block)
		if err != nil {
			return false, err
		}
		if h := e.Header; h.Previous[0] == n.Redemption.CID() && !slices.Contains(by, h.Signer.Name) {
			by = append(by, h.Signer.Name)
		}
	}
	return len(by) >= int(n.Order.Terms().T), nil
}

// fresh lists what of the news is not known yet, by its header, in the order of the
// chain. The order itself is known to whoever takes in its news.
func (n News) fresh(known map[dag.CID]bool) (fresh []told) {
	for _, t := range n.told {
		if t.part.HeaderCID() != n.Order.HeaderCID() && !known[t.part.HeaderCID()] {
			fresh = append(fresh, t)
		}
	}
	return fresh
}

// chain is the one in which a part is kept: the order's, or that of a chapter.
func (n News) chain(t told, ref string) string {
	if t.heads.Defined() {
		return Chapter(n.Order, t.heads)
	}
	return ref
}

// beside adds to what is known those envelopes of the news that have chapters of
// their own.
func (r *Records) beside(ctx context.Context, ref string, news News, known map[dag.CID]bool) error {
	return r.Store.View(ctx, func(tx *store.Tx) error {
		for _, t := range news.fresh(known) {
			if !t.heads.Defined() {
				continue
			}
			switch _, err := tx.Seen(t.part.HeaderCID()); {
			case err == nil:
				known[t.part.HeaderCID()] = true
			case fault.Of(err) != fault.NotFound:
				return err
			}
		}
		return nil
	})
}

// lacking finds the detached blocks that come with the news and that this node does
// not hold. They may come after their envelope is known: anybody who reads the log can
// tell of that.
func (r *Records) lacking(ctx context.Context, news News) (brought map[dag.CID][]byte, err error) {
	brought = make(map[dag.CID][]byte)
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		for _, c := range news.carried {
			block, ok := news.Blocks.Get(c)
			if !ok {
				continue
			}
			held, err := tx.HasBlock(c)
			if err != nil {
				return err
			}
			if !held {
				brought[c] = block
			}
		}
		return nil
	})
	return brought, err
}
