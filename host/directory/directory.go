// Package directory answers who is whom: it finds the identity documents that
// envelopes name, verifies their chains, and knows the nodes and custody
// identities that the operator has pinned.
//
// A name is the CID of a first document, so that a chain proves its own name;
// what the directory adds is where to look — the call's own bag, the node's
// store, the network — and a bound on the work, since a document costs a
// verification the first time it is seen and nothing after that.
package directory

import (
	"context"
	"fmt"

	"github.com/milagro-dta/dta/host/cache"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// MaxChain bounds the documents of one chain.
const MaxChain = 64

// Getter fetches a block by its CID and checks it.
type Getter interface {
	Get(ctx context.Context, c dag.CID) ([]byte, error)
}

// Newest tells the newest document known of a name; fault.NotFound for a name
// that was never met.
type Newest interface {
	Newest(ctx context.Context, name dag.CID) (dag.CID, error)
}

// Directory finds and verifies identities. It is safe for concurrent use.
type Directory struct {
	blocks Getter
	newest Newest
	known  *identity.Cache
	shown  *cache.Map[dag.CID, []byte] // documents that peers have shown, in verified chains
	peers  map[string]*Peer
}

// New looks for documents in blocks, which is the node's store and the network
// behind it, and for what is newest in the store.
func New(blocks Getter, newest Newest, peers ...*Peer) *Directory {
	d := &Directory{
		blocks: blocks, newest: newest, known: identity.NewCache(cachedChains),
		shown: cache.Sized[dag.CID](shownBytes, func(block []byte) int { return len(block) }),
		peers: make(map[string]*Peer, len(peers)),
	}
	for _, p := range peers {
		d.Add(p)
	}
	return d
}

// cachedChains bounds the chains remembered as verified.
const cachedChains = 4096

// Add makes a further peer known. It is not safe while others use the directory.
func (d *Directory) Add(p *Peer) {
	p.has = cache.New[dag.CID, struct{}](peerDocuments)
	d.peers[p.Alias] = p
}

// Chain collects the documents from the first to the one named. Where one of them
// is not to be had the error is [fault.Lacking] for the one named.
func (d *Directory) Chain(ctx context.Context, document dag.CID, bag peer.Bag) ([][]byte, error) {
	if id := d.known.Find(document); id != nil {
		return id.Blocks(), nil
	}
	var newestFirst [][]byte
	for c := document; c.Defined(); {
		if len(newestFirst) == MaxChain {
			return nil, fault.New(fault.Invalid, "identity document %s: expected a chain of at most %d documents", document, MaxChain)
		}
		block, ok := bag.Get(c)
		if !ok {
			block, ok = d.shown.Get(c)
		}
		if !ok {
			var err error
			if block, err = d.blocks.Get(ctx, c); fault.Of(err) == fault.NotFound {
				return nil, lacking(document)
			} else if err != nil {
				return nil, fmt.Errorf("identity document %s: %w", c, err)
			}
		}
		doc, err := identity.ParseDocument(block)
		if err != nil {
			return nil, fmt.Errorf("identity document %s: %w", c, err)
		}
		newestFirst = append(newestFirst, block)
		c = doc.Previous
	}
	for i, j := 0, len(newestFirst)-1; i < j; i, j = i+1, j-1 {
		newestFirst[i], newestFirst[j] = newestFirst[j], newestFirst[i]
	}
	return newestFirst, nil
}

// Identity verifies the chain that ends in document and belongs to name.
func (d *Directory) Identity(ctx context.Context, name, document dag.CID, bag peer.Bag) (*identity.Identity, error) {
	id := d.known.Find(document)
	if id == nil {
		chain, err := d.Chain(ctx, document, bag)
		if err != nil {
			return nil, err
		}
		// A chain of another's costs its maker less than what verifies it.
		if len(chain) > 0 && dag.Sum(chain[0]) != name {
			return nil, notOf(name, document, dag.Sum(chain[0]))
		}
		if id, err = d.known.Verify(chain); err != nil {
			return nil, err
		}
	}
	if id.Name != name {
		return nil, notOf(name, document, id.Name)
	}
	return id, nil
}

func notOf(name, document, found dag.CID) error {
	return fault.New(fault.Denied, "identity document %s: expected a document of %s; found one of %s", document, name, found)
}

// Parties resolves the identities that an envelope names, for one call. It
// belongs to one goroutine.
func (d *Directory) Parties(ctx context.Context, bag peer.Bag) order.Parties {
	return &parties{ctx: ctx, dir: d, bag: bag, met: make(map[dag.CID]*identity.Identity)}
}

type parties struct {
	ctx context.Context
	dir *Directory
	bag peer.Bag
	met map[dag.CID]*identity.Identity // the chain of each name that counts in this call
}

// Identity implements [order.Parties]: without a document, at the newest known,
// here or from this call.
func (p *parties) Identity(name, document dag.CID) (*identity.Identity, error) {
	if document.Defined() {
		id, err := p.dir.Identity(p.ctx, name, document, p.bag)
		if err != nil {
			return nil, err
		}
		return id, p.meet(id)
	}
	newest, err := p.dir.newest.Newest(p.ctx, name)
	if fault.Of(err) == fault.NotFound && p.met[name] != nil {
		return p.met[name], nil
	}
	if err != nil {
		return nil, err
	}
	id, err := p.dir.Identity(p.ctx, name, newest, p.bag)
	if err != nil {
		return nil, err
	}
	if err := p.meet(id); err != nil {
		return nil, err
	}
	return p.met[name], nil
}

// meet keeps the chain of a name that counts, and refuses a fork: one of the two
// is a thief's.
func (p *parties) meet(id *identity.Identity) error {
	if was := p.met[id.Name]; was != nil {
		var err error
		if id, err = identity.Settle(was, id); err != nil {
			return err
		}
	}
	p.met[id.Name] = id
	return nil
}
