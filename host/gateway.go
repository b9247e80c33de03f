package host

import (
	"context"
	"net/http"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs/gateway"
	"github.com/milagro-dta/dta/protocol/peer"
)

// gateway serves the node's blocks over the IPFS trustless-gateway interface:
// what is public to everybody, what belongs to an order to its parties.
func (n *Node) gateway() http.Handler {
	return &gateway.Handler{
		Node: n.keys.Identity().Name, Blocks: shelf{n}, Identities: shelf{n},
		Now: func() time.Time {
			now, err := n.clock.Now()
			if err != nil {
				return time.Time{} // in doubt no proof is fresh
			}
			return now
		},
		Failed: func(r *http.Request, err error) { n.log.Error("gateway", "error", err) },
	}
}

// shelf is what the node itself holds; the gateway fetches nothing for others.
type shelf struct{ node *Node }

// Block implements [gateway.Reader].
func (s shelf) Block(ctx context.Context, c dag.CID, party *identity.Party) (block []byte, public bool, err error) {
	var ref string
	err = s.node.store.View(ctx, func(tx *store.Tx) error {
		block, public, ref, err = tx.Block(c)
		return err
	})
	if err != nil || public {
		return block, public, err
	}
	if party == nil {
		return nil, false, fault.New(fault.Denied, "block %s: expected a proof that a party of its order asks", c)
	}
	if err := s.entitled(ctx, ref, party.Name); err != nil {
		return nil, false, err
	}
	return block, false, nil
}

// entitled refuses who is not a recipient of the order's envelopes.
func (s shelf) entitled(ctx context.Context, ref string, name dag.CID) error {
	links, err := s.node.records.Envelopes(ctx, ref)
	if err != nil {
		return err
	}
	for _, l := range links.Of(envelope.Order) {
		block, err := s.node.records.Get(ctx, l.CID)
		if err != nil {
			return err
		}
		e, err := envelope.Parse(block)
		if err != nil {
			return err
		}
		for _, r := range e.Header.Recipients {
			if r.Name == name {
				return nil
			}
		}
	}
	return fault.New(fault.Denied, "%s is no party of the order that this block belongs to", name)
}

// Party implements [gateway.Identities]: the newest chain known of a party, so
// that a key which was replaced proves nothing.
func (s shelf) Party(ctx context.Context, p identity.Party) (*identity.Identity, error) {
	newest, err := s.node.records.Newest(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	return s.node.records.Directory.Identity(ctx, p.Name, newest, peer.Bag{})
}
