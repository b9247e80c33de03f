package records

import (
	"context"
	"slices"
	"strings"

	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// The subjects of a request lie in a block beside it (issue.Roll). A node keeps it
// for a while only, and asks nobody for it: it stays forgotten.

// Roll is the block of a request's subjects, from a call or for as long as it is
// kept; nil where it is neither.
func (r *Records) Roll(ctx context.Context, q *issue.VerifiedRequest, bag peer.Bag) (block []byte, err error) {
	if block, ok := bag.Get(q.Roll()); ok {
		return block, nil
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		block, _, _, err = tx.Block(q.Roll())
		return err
	})
	if fault.Of(err) == fault.NotFound {
		return nil, nil
	}
	return block, err
}

// Rolled is a request with its subjects, where [Records.Roll] finds them.
func (r *Records) Rolled(ctx context.Context, q *issue.VerifiedRequest, bag peer.Bag) (*issue.VerifiedRequest, error) {
	if q.Rolled() {
		return q, nil
	}
	block, err := r.Roll(ctx, q, bag)
	if err != nil || block == nil {
		return q, err
	}
	return q.Unseal(block)
}

// Shorten has a roll go when its request expires: who had to be told has been.
func (r *Records) Shorten(ctx context.Context, q *issue.VerifiedRequest) error {
	expires := q.Header().Expires
	key, due := forgetting(expires)
	return r.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.PerishBy(q.Roll(), expires); err != nil {
			return err
		}
		return courier.Enqueue(tx, courier.Job{Kind: JobForget, Key: key, Due: due.UnixMilli()})
	})
}

// perishing is how many blocks that are to be forgotten are looked at in one view.
const perishing = 256

// Naming finds the blocks, kept for a while, of requests in a network that are for
// a name: their rolls, and what was sealed for them.
func (r *Records) Naming(ctx context.Context, o *order.VerifiedOrder, name string, bag peer.Bag) (blocks []dag.CID, requests int, err error) {
	chapters := make(map[string][]dag.CID)
	for after := (dag.CID{}); ; {
		var found []dag.CID
		err := r.Store.View(ctx, func(tx *store.Tx) error {
			if found, err = tx.Perishables(after, perishing); err != nil {
				return err
			}
			for _, c := range found {
				_, _, chapter, err := tx.Block(c)
				if fault.Of(err) == fault.NotFound {
					continue
				}
				if err != nil {
					return err
				}
				chapters[chapter] = append(chapters[chapter], c)
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
		if len(found) < perishing {
			break
		}
		after = found[len(found)-1]
	}
	for chapter, kept := range chapters {
		key, text, _ := strings.Cut(chapter, "/")
		if key != Key(o) {
			continue
		}
		c, err := dag.Parse(text)
		if err != nil {
			return nil, 0, err
		}
		q, err := r.Request(ctx, o, c, bag)
		if err != nil {
			return nil, 0, err
		}
		if slices.ContainsFunc(q.Request().Subjects, func(s issue.Subject) bool { return s.Name == name }) {
			blocks, requests = append(blocks, kept...), requests+1
		}
	}
	return blocks, requests, nil
}
