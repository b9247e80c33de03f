package audit

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// verified is the store's name for the newest checkpoint of this node's own log up
// to which the log was verified. It is a signed note: an edited database cannot
// have another.
const verified = "audit-verified"

const (
	// haste is for how long a verification runs without pauses: that is enough for
	// some hundred thousand entries.
	haste = time.Second
	// rest is the pause after each page from then on.
	rest = 20 * time.Millisecond
	// again is when a verification that the database did not let happen is tried
	// once more.
	again = 10 * time.Second
	// daily is how often the whole log is verified while the node runs.
	daily = 24 * time.Hour
)

// Watcher verifies the log of a node in service. After a start it begins where the
// newest verified checkpoint ends: what that covers is held to the checkpoint's
// root by the hashes that are kept. Then it goes through the entries before, whose
// own bytes may have been damaged since, and once a day through the whole log.
type Watcher struct {
	Log    *Log
	Store  *store.Store
	Node   *identity.Identity
	Doubt  func(error) // told why the log cannot be relied on; nil: it can
	Logger hclog.Logger

	began time.Time
	doubt bool
}

// Run verifies until ctx ends, and calls first once the whole log was verified for
// the first time, or is in doubt. A log found wrong stays in doubt until the next
// start.
func (w *Watcher) Run(ctx context.Context, first func()) {
	pass := w.start
	for {
		w.began = time.Now()
		err := pass(ctx)
		wait := daily
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			pass = w.whole
			if w.doubt {
				w.doubt = false
				w.Doubt(nil)
				w.Logger.Info("audit log verified, new orders are taken again")
			}
		case final(err):
			w.fail(err)
			first()
			return
		default:
			w.fail(fault.New(fault.Unavailable, "it cannot be verified: %w", err))
			wait = again
		}
		first()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// final tells whether the log itself is wrong, not the way to it.
func final(err error) bool {
	return fault.Of(err) == fault.Conflict || errors.Is(err, store.ErrDamaged)
}

func (w *Watcher) fail(err error) {
	w.Doubt(err)
	if !w.doubt {
		w.Logger.Error("audit log in doubt, no new orders are taken", "error", err)
	}
	w.doubt = true
}

// start is the first pass: what was not verified before comes first.
func (w *Watcher) start(ctx context.Context) error {
	mark, from, err := w.mark(ctx)
	if err != nil {
		if final(err) {
			w.Doubt(err)
			// The first entry concerned is found by looking at all of them.
			if _, _, found := w.verify(ctx, new(edge), w.Log.Size(), nil); final(found) {
				err = found
			}
		}
		return err
	}
	end, changed, err := w.now(ctx)
	if err != nil {
		return err
	}
	e, newest, err := w.verify(ctx, from, end, nil)
	if err != nil {
		return err
	}
	w.keep(ctx, e)
	if mark != nil {
		_, before, err := w.verify(ctx, new(edge), mark.Size, mark)
		if err != nil {
			return err
		}
		newest = max(newest, before)
	}
	return reaches(newest, changed)
}

// whole verifies the log from its first entry.
func (w *Watcher) whole(ctx context.Context) error {
	end, changed, err := w.now(ctx)
	if err != nil {
		return err
	}
	e, newest, err := w.verify(ctx, new(edge), end, nil)
	if err != nil {
		return err
	}
	if err := reaches(newest, changed); err != nil {
		return err
	}
	w.keep(ctx, e)
	return nil
}

// mark is the newest checkpoint verified before, and the edge where it ends; nil
// and the beginning where there is none. One that this node did not sign counts
// for nothing. One that the log's hashes contradict is fault.Conflict.
func (w *Watcher) mark(ctx context.Context) (mark *Checkpoint, from *edge, err error) {
	from = new(edge)
	err = w.Store.View(ctx, func(tx *store.Tx) error {
		note, err := tx.Meta(verified)
		if fault.Of(err) == fault.NotFound || err == nil && len(note) == 0 {
			return nil
		}
		var c Checkpoint
		if err == nil {
			c, err = OpenCheckpoint(note, w.Node)
		}
		if tx.Broken() != nil {
			return err
		}
		if err != nil {
			w.Logger.Warn("audit checkpoint not readable, whole log to be verified", "error", err)
			return nil
		}
		size, err := tx.AuditSize()
		if err != nil {
			return err
		}
		if c.Size > size {
			return fault.New(fault.Conflict, "audit entry %d is missing: the log has %d entries, %d were verified before", size, size, c.Size)
		}
		e, err := edgeAt(tx, c.Size)
		if err != nil {
			return err
		}
		if e.root() != c.Root {
			return fault.New(fault.Conflict, "the first %d audit entries are not those that were verified before", c.Size)
		}
		mark, from = &c, e
		return nil
	})
	return mark, from, err
}

// now is how many entries the log has, and when an order was changed last.
func (w *Watcher) now(ctx context.Context) (size, changed int64, err error) {
	least := w.Log.Size()
	err = w.Store.View(ctx, func(tx *store.Tx) error {
		if size, err = tx.AuditSize(); err != nil {
			return err
		}
		changed, err = tx.Changed()
		return err
	})
	if err == nil && size < least {
		err = fault.New(fault.Conflict, "audit entry %d is missing: the log has %d entries, not %d", size, size, least)
	}
	return size, changed, err
}

// reaches compares the newest time in the log with the newest of an order, which
// was recorded together with an entry.
func reaches(newest, changed int64) error {
	if changed > newest {
		at := func(t int64) string { return time.UnixMilli(t).UTC().Format(time.RFC3339) }
		return fault.New(fault.Conflict, "the audit log ends at %s, orders were changed until %s: entries at its end are missing", at(newest), at(changed))
	}
	return nil
}

// verify recomputes the log from an edge to a size, holds it to a checkpoint of
// that size where there is one, and returns the newest time among the entries.
func (w *Watcher) verify(ctx context.Context, from *edge, end int64, against *Checkpoint) (*edge, int64, error) {
	var newest int64
	step := walk{edge: from, each: func(_ *edge, e Entry) error { newest = max(newest, e.Time); return nil }}
	for more := true; more; {
		err := w.Store.View(ctx, func(tx *store.Tx) (err error) {
			more, err = step.step(tx, end)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		if time.Since(w.began) < haste || !more {
			continue
		}
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	if step.edge.size < end {
		return nil, 0, fault.New(fault.Conflict, "audit entry %d is missing: the log has %d entries", step.edge.size, end)
	}
	if against != nil {
		return step.edge, newest, attested(step.edge, against)
	}
	return step.edge, newest, nil
}

// Unverify forgets up to where the log was verified, where an operator has accepted
// that it is shorter now. The next start verifies all of it.
func Unverify(tx *store.Tx) error { return tx.SetMeta(verified, nil) }

// keep records up to where the log was verified. Where that fails, the next start
// has more to do.
func (w *Watcher) keep(ctx context.Context, e *edge) {
	note := w.Log.sign(e)
	if note == nil || e.size == 0 {
		return
	}
	if err := w.Store.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta(verified, note) }); err != nil {
		w.Logger.Warn("verified audit checkpoint not recorded", "error", err)
	}
}
