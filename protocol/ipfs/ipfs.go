// Package ipfs is the log in which the protocol's envelopes and documents are
// published: blocks, put and got by the CID of their content.
//
// There are several implementations. The embedded log is the node's own store,
// served to other nodes by package gateway, whose client reads from them; a
// Kubo node is reached by package kubo. All have passed the suite of package
// ipfstest. Whoever holds one need not know which: a block that Get returns has
// been checked against its CID here, whatever the other side did.
//
// An acknowledged Put is not durable: a Kubo node answers before its disk does.
// The node's own store stays the record, and publishing is repeated from there.
package ipfs

import (
	"context"
	"errors"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Getter reads blocks.
type Getter interface {
	// Get returns the block that c names, at most [dag.MaxBlock] bytes, checked.
	// Errors are of the kinds NotFound, Denied, Unavailable, Deadline, and
	// Invalid for an undefined CID.
	Get(ctx context.Context, c dag.CID) ([]byte, error)
}

// Blocks reads and writes blocks.
type Blocks interface {
	Getter

	// Put stores a DAG-CBOR block and returns its CID, which is that of
	// [dag.Sum]. A block that is there already is no error. Errors are of the
	// kinds Invalid (too large), Unavailable and Deadline.
	Put(ctx context.Context, block []byte) (dag.CID, error)
}

// First asks several getters in turn and returns the first block that one has:
// the near and fast ones come first.
func First(getters ...Getter) Getter { return first(getters) }

type first []Getter

// nowhere is the key of a context that Nowhere has marked.
type nowhere struct{}

// Nowhere marks work in which First looks for nothing: a stranger who only names
// blocks must not have this node search the network for them.
func Nowhere(ctx context.Context) context.Context {
	return context.WithValue(ctx, nowhere{}, true)
}

// Anywhere undoes Nowhere, for what this node itself has reason to look for.
func Anywhere(ctx context.Context) context.Context {
	return context.WithValue(ctx, nowhere{}, nil)
}

// Get returns NotFound only when every getter does, else the error of the first
// getter that failed otherwise: the block may be there.
func (f first) Get(ctx context.Context, c dag.CID) ([]byte, error) {
	var kept error = fault.New(fault.NotFound, "block %s: nowhere to look for it", c)
	if ctx.Value(nowhere{}) != nil {
		return nil, kept
	}
	for i, g := range f {
		block, err := g.Get(ctx, c)
		if err == nil {
			return block, nil
		}
		if i == 0 || fault.Of(kept) == fault.NotFound {
			kept = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, kept
}

// CheckPut refuses what no implementation stores.
func CheckPut(block []byte) error {
	if len(block) > dag.MaxBlock {
		return fault.New(fault.Invalid, "put block: expected at most %d bytes, found %d", dag.MaxBlock, len(block))
	}
	return nil
}

// CheckGet refuses a CID that names nothing.
func CheckGet(c dag.CID) error {
	if !c.Defined() {
		return fault.New(fault.Invalid, "get block: expected a CID, found none")
	}
	return nil
}

// Failed is the error of a call over the network that brought no answer.
func Failed(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Deadline, "%s: no answer in time: %w", what, err)
	}
	return fault.New(fault.Unavailable, "%s: %w", what, err)
}
