package records

import (
	"context"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// kind is what this node knows of the envelopes of one kind that belong to orders.
type kind struct {
	name envelope.Kind
	most int             // of them in one notice
	with []envelope.Kind // of each of which the same notice brings one
	// read verifies one, after all that stand before its kind in the table, and puts
	// it with the news.
	read func(ctx context.Context, r *Records, n *News, c dag.CID) (*order.Part, error)
	// heads is the envelope whose chapter it belongs to; nil: it is in the order's own
	// chain.
	heads func(n *News) dag.CID
	// audience are those who must see it, beside whom it answers; nil: nobody is told.
	audience func(t *order.Terms) []dag.CID
	// carries are the detached blocks that come with it; nil: none do.
	carries func(n *News) []dag.CID
}

// kinds is the table, in the order in which envelopes are read. What it has not, is
// no news of an order.
var kinds = []kind{
	{
		name: envelope.Order, most: 1,
		read: func(ctx context.Context, r *Records, n *News, c dag.CID) (_ *order.Part, err error) {
			if n.Order, err = r.Order(ctx, c, n.Blocks); err != nil {
				return nil, err
			}
			return &n.Order.Part, nil
		},
	},
	{
		name: envelope.Acceptance, most: order.MaxFiduciaries, with: []envelope.Kind{envelope.Order},
		read: func(ctx context.Context, r *Records, n *News, c dag.CID) (*order.Part, error) {
			a, err := r.Acceptance(ctx, n.Order, c, n.Blocks)
			if err != nil {
				return nil, err
			}
			n.Acceptances = append(n.Acceptances, a)
			return &a.Part, nil
		},
		audience: parties,
	},
	{
		name: envelope.Redemption, most: 1, with: []envelope.Kind{envelope.Order, envelope.Release},
		read: func(ctx context.Context, r *Records, n *News, c dag.CID) (_ *order.Part, err error) {
			if n.Redemption, err = r.Redemption(ctx, n.Order, c, n.Blocks); err != nil {
				return nil, err
			}
			return &n.Redemption.Part, nil
		},
	},
	{
		name: envelope.Release, most: 1, with: []envelope.Kind{envelope.Order, envelope.Redemption},
		read: func(ctx context.Context, r *Records, n *News, c dag.CID) (_ *order.Part, err error) {
			if n.Release, err = r.Release(ctx, n.Redemption, c, n.Blocks); err != nil {
				return nil, err
			}
			return &n.Release.Part, nil
		},
		audience: parties,
		carries:  func(n *News) []dag.CID { return []dag.CID{n.Release.Share(), n.Order.Ciphertext()} },
	},
	{
		name: envelope.Request, most: 1, with: []envelope.Kind{envelope.Order, envelope.Grant},
		read: func(ctx context.Context, r *Records, n *News, c dag.CID) (_ *order.Part, err error) {
			if n.Request, err = r.Request(ctx, n.Order, c, n.Blocks); err != nil {
				return nil, err
			}
			return &n.Request.Part, nil
		},
		heads: func(n *News) dag.CID { return n.Request.CID() },
	},
	{
		name: envelope.Grant, most: 1, with: []envelope.Kind{envelope.Order, envelope.Request, envelope.Acceptance},
		read: func(ctx context.Context, r *Records, n *News, c dag.CID) (*order.Part, error) {
			if len(n.Acceptances) != 1 {
				return nil, fault.New(fault.Invalid, "notice: expected a grant with its signer's acceptance alone; found %d", len(n.Acceptances))
			}
			var err error
			if n.Grant, err = r.Grant(ctx, n.Request, n.Acceptances[0], c, n.Blocks); err != nil {
				return nil, err
			}
			return &n.Grant.Part, nil
		},
		heads:    func(n *News) dag.CID { return n.Request.CID() },
		audience: registrar,
	},
	{
		name: envelope.Revocation, most: 1, with: []envelope.Kind{envelope.Order},
		read: func(ctx context.Context, r *Records, n *News, c dag.CID) (_ *order.Part, err error) {
			if n.Revocation, err = r.Revocation(ctx, n.Order, c, n.Blocks); err != nil {
				return nil, err
			}
			return &n.Revocation.Part, nil
		},
		heads:    func(n *News) dag.CID { return n.Revocation.CID() },
		audience: registrar,
	},
}

// parties are the principal, the redeemers and the receivers of an order: its other
// fiduciaries have no use for what one of them signs.
func parties(t *order.Terms) []dag.CID { return t.ReadersOf() }

func registrar(t *order.Terms) []dag.CID { return []dag.CID{t.Principal} }

// Audience are those who must be told of an envelope of a kind.
func Audience(name envelope.Kind, t *order.Terms) []dag.CID {
	for _, k := range kinds {
		if k.name == name && k.audience != nil {
			return k.audience(t)
		}
	}
	return nil
}

// plausible refuses a notice that names envelopes which do not belong together.
func plausible(named map[envelope.Kind][]dag.CID) error {
	if len(named[envelope.Order]) != 1 {
		return fault.New(fault.Invalid, "notice: expected one order; found %d", len(named[envelope.Order]))
	}
	known := 0
	for _, k := range kinds {
		n := len(named[k.name])
		if n == 0 {
			continue
		}
		known++
		if n > k.most {
			return fault.New(fault.Invalid, "notice: expected at most %d of kind %s; found %d", k.most, k.name, n)
		}
		for _, other := range k.with {
			if len(named[other]) == 0 {
				return fault.New(fault.Invalid, "notice: expected a %s with the %s; found none", other, k.name)
			}
		}
	}
	if known != len(named) {
		return fault.New(fault.Invalid, "notice: expected an order and what follows it; found an envelope that belongs to none")
	}
	return nil
}
