package records

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Links are the envelopes of an order that a node holds, in the order in which it
// got them.
type Links []store.Link

// Of picks those of some kinds.
func (l Links) Of(kinds ...envelope.Kind) (found Links) {
	for _, link := range l {
		if slices.Contains(kinds, envelope.Kind(link.Kind)) {
			found = append(found, link)
		}
	}
	return found
}

// Envelopes lists the envelopes of an order.
func (r *Records) Envelopes(ctx context.Context, ref string) (links Links, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		links, err = tx.Envelopes(ref)
		return err
	})
	return links, err
}

// History reads an order and lists its envelopes, both at one moment.
func (r *Records) History(ctx context.Context, role, ref string) (row Row, links Links, err error) {
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		if row, err = ReadRow(tx, role, ref); err != nil {
			return err
		}
		links, err = tx.Envelopes(ref)
		return err
	})
	return row, links, err
}

// Acceptances verifies the acceptances among an order's links, and returns them by
// their fiduciaries' places; nil where one is missing. A fiduciary that signed two
// is held to the first.
func (r *Records) Acceptances(ctx context.Context, o *order.VerifiedOrder, links Links) ([]*order.VerifiedAcceptance, error) {
	have := make([]*order.VerifiedAcceptance, len(o.Terms().Fiduciaries))
	for _, l := range links.Of(envelope.Acceptance) {
		a, err := r.Acceptance(ctx, o, l.CID, peer.Bag{})
		if err != nil {
			return nil, err
		}
		if have[a.Index()] == nil {
			have[a.Index()] = a
		}
	}
	return have, nil
}
