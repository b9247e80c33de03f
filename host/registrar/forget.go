package registrar

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// cutting is how long a caller waits until the write-ahead log can be cut.
const cutting = 20 * time.Second

// Forgotten is what a node no longer knows of a name.
type Forgotten struct {
	Subject    string // the name's mark, which stays
	Enrolments int    // that were known by name
	Requests   int    // of which the node had kept whom they are for
}

// Forget erases a name from this node, whatever its part in the network: who its
// enrolments are of, their tags, and what is still kept of requests for it, others'
// in the same request included. When it returns, neither the database nor its
// write-ahead log holds any of it. The mark stays, so that who was revoked stays
// revoked and no number is given twice.
func (s *Service) Forget(ctx context.Context, ref, name string, mandate []byte) (*Forgotten, error) {
	o, bag, err := s.networkOrder(ctx, ref, mandate)
	if err != nil {
		return nil, err
	}
	marks, err := records.Marks(o, []issue.Subject{{Name: name}})
	if err != nil {
		return nil, err
	}
	out := &Forgotten{Subject: marks[0]}
	key := records.Key(o)
	var blocks []dag.CID
	if blocks, out.Requests, err = s.records.Naming(ctx, o, name, bag); err != nil {
		return nil, err
	}
	err = s.records.Write(ctx, func(w *records.Writer) (err error) {
		for _, c := range blocks {
			if err := w.DropPerishable(c); err != nil {
				return err
			}
		}
		if out.Enrolments, err = w.ForgetPerson(Role, key, out.Subject); err != nil {
			return err
		}
		return w.Audit("network.forgot", s.records.Self().Name, key, dag.CID{}, out.Subject)
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cutting)
	defer cancel()
	return out, s.records.Store.Cut(ctx)
}

// networkOrder finds the order of a network that this node has any part in, as a
// D-TA too, and of a delegate's the documents of its parties.
func (s *Service) networkOrder(ctx context.Context, ref string, mandate []byte) (*order.VerifiedOrder, peer.Bag, error) {
	if len(mandate) > 0 {
		n, _, err := s.known(ctx, ref, mandate)
		if err != nil {
			return nil, peer.Bag{}, err
		}
		bag, err := s.bag(n)
		return n.Order, bag, err
	}
	row, err := s.records.Find(ctx, ref, records.NetworkIndex, records.KeeperRole)
	if err != nil {
		return nil, peer.Bag{}, fault.About("network "+ref, err)
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err == nil && o.Terms().What != order.Network {
		err = fault.New(fault.NotFound, "order %s is of no network", row.CID)
	}
	return o, peer.Bag{}, err
}
