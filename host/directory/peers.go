package directory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/milagro-dta/dta/host/cache"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/peer"
)

// offerLife is how long an offer that was fetched is relied upon before it is
// fetched again.
const offerLife = time.Minute

// Node is what the directory needs of a peer's API.
type Node interface {
	Identity(ctx context.Context) (peer.Identity, error)
}

// Peer is another node that the operator has named: its identity, and the
// custody identities that are pinned.
type Peer struct {
	Alias     string    // the operator's name for it
	Name      dag.CID   // its identity
	Pinned    []dag.CID // custody identities that principals of this node may rely upon
	FirstUse  bool      // an unpinned custody identity is accepted at first use
	Node      Node
	Fiduciary peer.Fiduciary
	Notify    func(ctx context.Context, n peer.Notice) error
	Prove     func(ctx context.Context, q peer.Consistency) (peer.ConsistencyProof, error)
	// Show brings it chains of documents, and Document asks it for the chain of a
	// name; nil where it shares this node's store.
	Show     func(ctx context.Context, chains ...[][]byte) error
	Document func(ctx context.Context, name dag.CID) (peer.Identity, error)

	has    *cache.Map[dag.CID, struct{}] // documents shown to it with success
	mu     sync.Mutex
	node   *identity.Identity
	asked  time.Time
	offers []Offered
	until  time.Time
}

// Offered is a verified offer of one custody instance.
type Offered struct {
	Instance string
	Offer    dag.CID
	Body     *offer.Body
	Custody  *identity.Identity
	Node     *identity.Identity
}

// Peer finds a peer by the operator's alias, or by its identity in text form.
func (d *Directory) Peer(alias string) (*Peer, error) {
	if p, ok := d.peers[alias]; ok {
		return p, nil
	}
	for _, p := range d.peers {
		if p.Name.String() == alias {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "peer %q: no peer block has this name or identity", alias)
}

// PeerOf finds the peer with an identity.
func (d *Directory) PeerOf(name dag.CID) (*Peer, bool) {
	for _, p := range d.peers {
		if p.Name == name {
			return p, true
		}
	}
	return nil, false
}

// Peers lists the peers by alias.
func (d *Directory) Peers() []*Peer {
	out := make([]*Peer, 0, len(d.peers))
	for _, p := range d.peers {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Peer) int {
		if a.Alias < b.Alias {
			return -1
		}
		return 1
	})
	return out
}

// NodeIdentity is a peer's own identity at its newest document, asked of the
// peer and checked against the operator's pin. Of a peer that does not answer it is
// what is known already: orders can be placed for whoever is away.
func (d *Directory) NodeIdentity(ctx context.Context, p *Peer) (*identity.Identity, error) {
	p.mu.Lock()
	known, fresh := p.node, time.Now().Before(p.asked.Add(offerLife))
	p.mu.Unlock()
	if known != nil && fresh {
		return known, nil
	}
	id, err := d.askNode(ctx, p)
	if fault.Of(err).Retryable() && ctx.Err() == nil {
		if met := d.met(ctx, p.Name, known); met != nil {
			id, err = met, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("identity of peer %q: %w", p.Alias, err)
	}
	if known != nil && !id.Extends(known) {
		return nil, fault.New(fault.Denied, "identity of peer %q: it shows document %s, which does not follow %s", p.Alias, id.Document, known.Document)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node == nil || id.Extends(p.node) { // another answer may have overtaken this one
		p.node, p.asked = id, time.Now()
	}
	return p.node, nil
}

func (d *Directory) askNode(ctx context.Context, p *Peer) (*identity.Identity, error) {
	said, err := p.Node.Identity(ctx)
	if err != nil {
		return nil, err
	}
	document, err := dag.Parse(said.Document)
	if err != nil {
		return nil, err
	}
	return d.Identity(ctx, p.Name, document, said.Blocks)
}

// met is the newest that is known of a name, here or in the store; nil where it was
// never met.
func (d *Directory) met(ctx context.Context, name dag.CID, known *identity.Identity) *identity.Identity {
	newest, err := d.newest.Newest(ctx, name)
	if err != nil {
		return known
	}
	id, err := d.Identity(ctx, name, newest, peer.Bag{})
	if err != nil || known != nil && !id.Extends(known) {
		return known
	}
	return id
}

// Offers fetches and verifies what a peer offers. An offer whose custody
// identity the operator has not pinned is left out, unless the peer's block
// accepts first use.
func (d *Directory) Offers(ctx context.Context, p *Peer, now time.Time) ([]Offered, error) {
	p.mu.Lock()
	if now.Before(p.until) && len(p.offers) > 0 {
		defer p.mu.Unlock()
		return p.offers, nil
	}
	p.mu.Unlock()

	node, err := d.NodeIdentity(ctx, p)
	if err != nil {
		return nil, err
	}
	said, err := p.Fiduciary.Custody(ctx)
	if err != nil {
		return nil, fmt.Errorf("offers of peer %q: %w", p.Alias, err)
	}
	var offers []Offered
	var bad error // of one offer; the others stand
	for _, o := range said.Offers {
		got, err := d.offered(ctx, p, node, o, said.Blocks, now)
		if err != nil {
			bad = fmt.Errorf("offers of peer %q: %q: %w", p.Alias, o.Instance, err)
			continue
		}
		if !p.FirstUse && !slices.Contains(p.Pinned, got.Custody.Name) {
			continue
		}
		offers = append(offers, got)
	}
	if len(offers) == 0 && bad != nil {
		return nil, bad
	}
	p.mu.Lock()
	p.offers, p.until = offers, now.Add(offerLife)
	p.mu.Unlock()
	return offers, nil
}

func (d *Directory) offered(ctx context.Context, p *Peer, node *identity.Identity, o peer.Offer, bag peer.Bag, now time.Time) (Offered, error) {
	c, err := dag.Parse(o.OfferCID)
	if err != nil {
		return Offered{}, err
	}
	block, ok := bag.Get(c)
	if !ok {
		if block, err = d.blocks.Get(ctx, c); err != nil {
			return Offered{}, err
		}
	}
	body, err := offer.Verify(block, node, now)
	if err != nil {
		return Offered{}, err
	}
	if err := d.Meet(ctx, p, body.Custody, bag); err != nil {
		return Offered{}, err
	}
	custody, err := d.Identity(ctx, body.Custody.Name, body.Custody.Document, bag)
	if err != nil {
		return Offered{}, err
	}
	if custody.Doc.Kind != identity.Custody {
		return Offered{}, fault.New(fault.Invalid, "custody identity %s: expected a document of kind %q; found %q", custody.Name, identity.Custody, custody.Doc.Kind)
	}
	return Offered{Instance: body.Instance, Offer: c, Body: body, Custody: custody, Node: node}, nil
}
