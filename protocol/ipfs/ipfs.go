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
// getter that failed otherwise: the block may be there. [Unreachable] finds the rest.
func (f first) Get(ctx context.Context, c dag.CID) ([]byte, error) {
	if ctx.Value(nowhere{}) != nil || len(f) == 0 {
		return nil, fault.New(fault.NotFound, "block %s: nowhere to look for it", c)
	}
	var kept missed
	for _, g := range f {
		block, err := g.Get(ctx, c)
		if err == nil {
			return block, nil
		}
		if kept.error == nil || fault.Of(kept.error) == fault.NotFound {
			kept.error = err
		}
		kept.all = append(kept.all, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(kept.all) == 1 {
		return nil, kept.error
	}
	return nil, &kept
}

// missed is the first error of several that counts, and all of them.
type missed struct {
	error
	all []error
}

func (m *missed) Unwrap() error { return m.error }

// Unreachable lists what an error of [First] says of the getters that could not tell
// whether they have the block, in their order: none where all have answered.
func Unreachable(err error) (all []error) {
	if m, several := errors.AsType[*missed](err); several {
		for _, err := range m.all {
			all = append(all, Unreachable(err)...)
		}
		return all
	}
	if kind := fault.Of(err); kind == fault.Unavailable || kind == fault.Deadline {
		return []error{err}
	}
	return nil
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
