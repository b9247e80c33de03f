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
}

// Verify reads a notice: the order, its acceptances and at most one redemption
// with its release, request with its grant, or revocation, in whatever sequence
// they are named.
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
	if !plausible(byKind) {
		return news, fault.New(fault.Invalid, "notice: expected one order, its acceptances, and no or one redemption with its release, request with its grant, or revocation")
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
		if news.Release, err = r.Release(ctx, news.Redemption, byKind[envelope.Release][0], n.Blocks); err != nil {
			return news, err
		}
	}
	for _, c := range byKind[envelope.Request] {
		if news.Request, err = r.Request(ctx, news.Order, c, n.Blocks); err != nil {
			return news, err
		}
		if news.Grant, err = r.Grant(ctx, news.Request, news.Acceptances[0], byKind[envelope.Grant][0], n.Blocks); err != nil {
			return news, err
		}
	}
	for _, c := range byKind[envelope.Revocation] {
		if news.Revocation, err = r.Revocation(ctx, news.Order, c, n.Blocks); err != nil {
			return news, err
		}
	}
	return news, nil
}

// plausible tells whether a notice names envelopes that belong together. A grant
// comes with its signer's acceptance and no other.
func plausible(byKind map[envelope.Kind][]dag.CID) bool {
	n := func(k envelope.Kind) int { return len(byKind[k]) }
	return n(envelope.Order) == 1 &&
		n(envelope.Redemption) <= 1 && n(envelope.Release) == n(envelope.Redemption) &&
		n(envelope.Request) <= 1 && n(envelope.Grant) == n(envelope.Request) && (n(envelope.Request) == 0 || n(envelope.Acceptance) == 1) &&
		n(envelope.Revocation) <= 1
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
	if row.CID != news.Order.CID() {
		return fault.New(fault.Conflict, "order %s: another order has this reference", ref)
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
	fresh, terms := news.parts(known), news.Order.Terms()
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
		for _, p := range fresh {
			if err := w.Chain(p.Signer()); err != nil {
				return err
			}
			if err := w.Received(news.chain(p, ref), p, terms.Publish); err != nil {
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

// parts lists what of the news is not known yet, by its header, in the order of
// the chain.
func (n News) parts(known map[dag.CID]bool) (fresh []*order.Part) {
	add := func(p *order.Part) {
		if !known[p.HeaderCID()] {
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
	if n.Grant != nil {
		add(&n.Request.Part)
		add(&n.Grant.Part)
	}
	if n.Revocation != nil {
		add(&n.Revocation.Part)
	}
	return fresh
}

// chain is the reference under which a part is kept: the order's, or what stands
// beside the order in a chapter of its own.
func (n News) chain(p *order.Part, ref string) string {
	switch p.Header().Kind {
	case envelope.Request, envelope.Revocation:
		return Chapter(n.Order, p.CID())
	case envelope.Grant:
		return Chapter(n.Order, n.Request.CID())
	}
	return ref
}

// beside adds to what is known those envelopes of the news that have chapters of
// their own.
func (r *Records) beside(ctx context.Context, ref string, news News, known map[dag.CID]bool) error {
	return r.Store.View(ctx, func(tx *store.Tx) error {
		for _, p := range news.parts(known) {
			if news.chain(p, ref) == ref {
				continue
			}
			switch _, err := tx.Seen(p.HeaderCID()); {
			case err == nil:
				known[p.HeaderCID()] = true
			case fault.Of(err) != fault.NotFound:
				return err
			}
		}
		return nil
	})
}

// lacking finds the blocks that go with a release which the news brings and this node
// does not hold. They may come after their release is known: anybody who reads the log
// can tell of that.
func (r *Records) lacking(ctx context.Context, news News) (brought map[dag.CID][]byte, err error) {
	brought = make(map[dag.CID][]byte)
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		for _, c := range news.detached() {
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

// detached lists the blocks that go with a release.
func (n News) detached() []dag.CID {
	if n.Release == nil {
		return nil
	}
	return []dag.CID{n.Release.Share(), n.Order.Ciphertext()}
}
