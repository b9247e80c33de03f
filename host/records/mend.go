package records

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/peer"
)

const (
	// mendTime bounds the search of the network for one block.
	mendTime = 20 * time.Second
	// mendAgain is how soon a block that nobody had is looked for again: whoever
	// names it must not have this node search the network each time.
	mendAgain = time.Minute
	// mendSoon is the same where a party that may have it was unreachable.
	mendSoon = 2 * time.Second
	// maxMissed is how many such blocks are remembered.
	maxMissed = 1024
)

// Watch is told of blocks that were found damaged in the store and could not be
// mended, and of those that were.
type Watch interface {
	Damaged(c dag.CID, ref string, why error)
	Mended(c dag.CID)
}

// Unmended says that a damaged block could not be had again. It is [store.ErrDamaged]:
// fault.Conflict where nobody has the block, fault.Unavailable where somebody may.
type Unmended struct {
	// Unreachable says which parties could not be asked, and why.
	Unreachable []error
	why         error
}

func (u *Unmended) Error() string { return u.why.Error() }

func (u *Unmended) Unwrap() error { return u.why }

func unmended(c dag.CID, err error) *Unmended {
	u := &Unmended{Unreachable: ipfs.Unreachable(err)}
	if len(u.Unreachable) > 0 {
		u.why = fault.New(fault.Unavailable, "block %s: %w in this node's store, and a party that may have it cannot be reached; it is tried again", c, store.ErrDamaged)
	} else {
		u.why = fault.New(fault.Conflict, "block %s: %w in this node's store, and no other party has it; restore the database from a backup", c, store.ErrDamaged)
	}
	return u
}

// missed is when a block was looked for in vain, and the error.
type missed struct {
	at  time.Time
	why *Unmended
}

// fresh tells whether it is too soon to look again.
func (m missed) fresh() bool {
	pause := mendAgain
	if len(m.why.Unreachable) > 0 {
		pause = mendSoon
	}
	return time.Since(m.at) < pause
}

// Mend gets the right bytes of a block that is damaged in the store from what this
// process remembers or from the parties that hold the same block, writes them over
// and returns them. Where it cannot the error is [*Unmended]; then it looks again
// only after a pause, however often it is called.
func (r *Records) Mend(ctx context.Context, c dag.CID) ([]byte, error) {
	_, remembered := r.blocks.Get(c)
	if m, ok := r.missed.Get(c); ok && !remembered && m.fresh() {
		return nil, m.why
	}
	return r.MendNow(ctx, c)
}

// MendNow is Mend without the pause, for what no stranger asks for.
func (r *Records) MendNow(ctx context.Context, c dag.CID) ([]byte, error) {
	if block, ok := r.blocks.Get(c); ok {
		r.mended(ctx, c, block, "from memory")
		return block, nil
	}
	return r.mends.Do(ctx, c.String(), mendTime, func(ctx context.Context) ([]byte, error) {
		block, err := r.fetch(ctx, c)
		if err == nil {
			r.mended(ctx, c, block, "from another party")
			return block, nil
		}
		if errors.Is(context.Cause(ctx), context.Canceled) {
			return nil, err
		}
		why := unmended(c, err)
		if m, again := r.missed.Get(c); !again || fault.Of(m.why) != fault.Of(why) {
			r.Log.Error("damaged block not repaired", "block", c, "error", err)
		}
		r.missed.Put(c, missed{time.Now(), why})
		if r.Watch != nil {
			r.Watch.Damaged(c, "", why)
		}
		return nil, why
	})
}

// fetch asks the network for a block also where the call is one that may not: what
// is looked for is in the store, and damaged, so that no stranger chose it.
func (r *Records) fetch(ctx context.Context, c dag.CID) ([]byte, error) {
	if r.Network == nil {
		return nil, fault.New(fault.NotFound, "block %s: nowhere to look for it", c)
	}
	block, err := r.Network.Get(ipfs.Anywhere(ctx), c)
	if err != nil {
		return nil, err
	}
	return block, dag.Check(c, block)
}

// mended writes a block over the damaged one, and tells whether it did. The block is
// good also where that fails.
func (r *Records) mended(ctx context.Context, c dag.CID, block []byte, how string) bool {
	err := r.Write(ctx, func(w *Writer) error {
		_, err := w.RepairBlock(c, block)
		if err == nil && len(w.Repaired()) == 0 {
			return errSound
		}
		w.how = how
		return err
	})
	if err != nil && !errors.Is(err, errSound) {
		r.Log.Error("damaged block not written over", "block", c, "error", err)
	}
	return err == nil
}

// errSound undoes a repair of what is not damaged.
var errSound = errors.New("the block is not damaged")

// Refetch gets a block that should be in the store, and is not, from the parties that
// hold the same block, and keeps it under its order.
func (r *Records) Refetch(ctx context.Context, c dag.CID, ref string, public bool) error {
	ctx, cancel := context.WithTimeout(ctx, mendTime)
	defer cancel()
	block, err := r.fetch(ctx, c)
	if err != nil {
		return err
	}
	err = r.Write(ctx, func(w *Writer) error {
		switch has, err := w.HasBlock(c); {
		case err != nil:
			return err
		case has:
			return errSound
		}
		if err := w.PutBlock(c, block, public, ref); err != nil {
			return err
		}
		return w.Audit("block.repaired", r.Self().Name, w.order(c), c, "it was missing")
	})
	if errors.Is(err, errSound) {
		err = nil // another was first
	}
	if err == nil && r.Watch != nil {
		r.Watch.Mended(c)
	}
	return err
}

// MendFrom looks among the blocks of a call for those that are damaged here, writes
// them over, and tells whether there were any.
func (r *Records) MendFrom(ctx context.Context, bag peer.Bag) bool {
	found := false
	for _, block := range bag.Blocks() {
		c := dag.Sum(block)
		err := r.Store.View(ctx, func(tx *store.Tx) error {
			_, _, _, err := tx.Block(c)
			return err
		})
		if _, damaged := errors.AsType[*store.DamagedBlock](err); !damaged {
			continue
		}
		found = r.mended(ctx, c, block, "from a call") || found
	}
	return found
}

// repaired puts on record which damaged blocks a change has written over.
func (w *Writer) repaired() error {
	for _, c := range w.Repaired() {
		how := w.how
		if how == "" {
			how = "by a change that had it"
		}
		if err := w.Audit("block.repaired", w.records.Self().Name, w.order(c), c, how); err != nil {
			return err
		}
		w.AfterCommit(func() {
			w.records.Log.Info("damaged block repaired", "block", c, "how", how)
			if w.records.Watch != nil {
				w.records.Watch.Mended(c)
			}
		})
	}
	return nil
}

// order is the order to which a block belongs; "" for none.
func (w *Writer) order(c dag.CID) string {
	_, _, ref, err := w.Block(c)
	if err != nil {
		return ""
	}
	ref, _, _ = strings.Cut(ref, "/") // of a chapter
	return ref
}

// maxMends is how many blocks one call may find damaged.
const maxMends = 64

// mending repeats what met a damaged block once the block is mended.
func (r *Records) mending(ctx context.Context, do func() error) error {
	err := do()
	for range maxMends {
		d, damaged := errors.AsType[*store.DamagedBlock](err)
		if !damaged {
			return err
		}
		if _, why := r.Mend(ctx, d.CID); why != nil {
			return why
		}
		err = do()
	}
	return err
}
