// Package records is the one way in which a role service changes what its node
// remembers: the state of an order, the envelopes and blocks that caused it,
// the audit entry and the work that must follow are written together or not at
// all, and are on disk before the caller goes on. Promises P1 (acknowledged is
// durable), P2 (recorded before revealed) and P4 (fail closed) rest on it.
//
// It is also where a service reads an order back. What is read is verified
// again — signatures, chain rules, hashes — unless this process has verified
// the same block before.
package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/cache"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Kinds of work that are left to the courier.
const (
	JobFulfil  = "fulfil"  // a principal has an order that is not accepted yet
	JobRedeem  = "redeem"  // a redemption has no release yet
	JobNotice  = "notice"  // a recipient has not been told of an envelope
	JobPublish = "publish" // blocks are not yet with the IPFS node, which is PlaceIPFS
	JobForget  = "forget"  // what was sealed for requests that are over is still in the store
	JobRevoke  = "revoke"  // a D-TA has not been told of a revocation
	JobProve   = "prove"   // a peer has not proved that its audit log only grew
)

// PlaceIPFS is where what is published goes.
const PlaceIPFS = "ipfs"

// NetworkIndex is the role under which every network that this node may ask in is
// listed once more, whatever its role in the network's order.
const NetworkIndex = "network"

// KeeperRole is the role under which a fiduciary's orders are listed, a network's
// too, which other services look for to erase what they hold of it.
const KeeperRole = "fiduciary"

// Clock tells the time, or refuses when it is in doubt.
type Clock interface {
	Now() (time.Time, error)
}

// Options says what records are made of.
type Options struct {
	Store   *store.Store
	Audit   *audit.Log
	Courier *courier.Courier
	Keys    *identity.Keyring
	Clock   Clock
	Network directory.Getter // where a block is looked for that the store has not; nil: nowhere
	Publish bool             // blocks are handed on to an IPFS node
	Peers   []*directory.Peer
	Log     hclog.Logger
	// Accepting says why no new orders, networks and requests may be taken; nil: they
	// always may.
	Accepting func() error
	// Watch is told of damage to the store; nil: nobody is.
	Watch Watch
}

// Records reads and writes what a node remembers. It is safe for concurrent use.
type Records struct {
	Options
	Directory *directory.Directory
	// Parts of orders that this process has verified. Their CIDs fix every byte,
	// and a chain rule once shown to hold for those bytes holds for ever.
	verified *cache.Map[place, any]
	// Envelopes whose signatures held: many more than can be kept opened.
	signatures *envelope.Memory
	// Blocks, which never change under their CIDs. Only small ones are kept.
	blocks *cache.Map[dag.CID, []byte]
	// Documents whose chains are in the store.
	chains *cache.Map[dag.CID, struct{}]
	// Damaged blocks that were looked for in vain, and those being looked for.
	missed *cache.Map[dag.CID, missed]
	mends  *flight.Group[[]byte]
}

// cachedBlock is the largest block that is remembered, in bytes.
const cachedBlock = 16 << 10

// New opens the records of a node.
func New(o Options) *Records {
	r := &Records{
		Options:  o,
		verified: cache.New[place, any](1024), signatures: envelope.NewMemory(32 << 10),
		blocks: cache.New[dag.CID, []byte](2048), chains: cache.New[dag.CID, struct{}](2048),
		missed: cache.New[dag.CID, missed](maxMissed), mends: flight.New[[]byte](),
	}
	r.Directory = directory.New(r, r, o.Peers...)
	return r
}

// Self is the node's own identity.
func (r *Records) Self() *identity.Identity { return r.Keys.Identity() }

// Close ends the search for damaged blocks.
func (r *Records) Close() { r.mends.Close() }

// Get finds a block in the store or on the network; it implements
// [directory.Getter]. One that is damaged in the store is mended.
func (r *Records) Get(ctx context.Context, c dag.CID) (block []byte, err error) {
	if block, ok := r.blocks.Get(c); ok {
		return block, nil
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		block, _, _, err = tx.Block(c)
		return err
	})
	if fault.Of(err) == fault.NotFound && r.Network != nil {
		return r.Network.Get(ctx, c)
	}
	if _, damaged := errors.AsType[*store.DamagedBlock](err); damaged {
		return r.Mend(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	r.remember(c, block)
	return block, nil
}

// Has tells whether the store has a block.
func (r *Records) Has(ctx context.Context, c dag.CID) (has bool, err error) {
	if _, ok := r.blocks.Get(c); ok {
		return true, nil
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		has, err = tx.HasBlock(c)
		return err
	})
	return has, err
}

func (r *Records) remember(c dag.CID, block []byte) {
	if len(block) <= cachedBlock {
		r.blocks.Put(c, block)
	}
}

// TakesNew refuses new orders, networks and requests while something is in doubt
// that they would rely on. What was accepted before is answered and released.
func (r *Records) TakesNew() error {
	if r.Accepting == nil {
		return nil
	}
	if err := r.Accepting(); err != nil {
		return fault.New(fault.Unavailable, "nothing new is accepted: %w", err)
	}
	return nil
}

// Newest implements [directory.Newest].
func (r *Records) Newest(ctx context.Context, name dag.CID) (newest dag.CID, err error) {
	if self := r.Self(); name == self.Name {
		return self.Document, nil
	}
	err = r.Store.View(ctx, func(tx *store.Tx) error {
		documents, err := tx.Identity(name)
		if err != nil {
			return fault.About("identity "+name.String(), err)
		}
		newest = documents[len(documents)-1]
		return nil
	})
	return newest, err
}

// Blocks reads several blocks.
func (r *Records) Blocks(ctx context.Context, cids ...dag.CID) ([][]byte, error) {
	out := make([][]byte, 0, len(cids))
	for _, c := range cids {
		block, err := r.Get(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", c, err)
		}
		out = append(out, block)
	}
	return out, nil
}
