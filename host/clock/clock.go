// Package clock guards a node against a wall clock that steps back.
//
// Whether an envelope is still fresh, and in what order things happened, is
// judged by the wall clock. A node whose clock has gone back behind what it has
// already recorded would accept what had expired, so it refuses instead: Now and
// Check return fault.Unavailable until the clock has caught up, or the operator
// has looked into it and called Reset.
//
// The mark to which the clock is held is the newest time that was stamped on a
// committed transaction ([store.Tx.Stamp]); every audit entry stamps its own. It
// outlives the process.
//
//	c, err := clock.Open(ctx, s, time.Now)
//	now, err := c.Now()
//
// Differences of up to Tolerance are ordinary corrections of the clock.
package clock

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Tolerance is how far the clock may be behind the mark.
const Tolerance = 2 * time.Minute

// Clock is a wall clock that refuses to go back. It is safe for concurrent use.
type Clock struct {
	now   func() time.Time
	store *store.Store // nil: only Advance raises the mark
	mark  atomic.Int64 // unix milliseconds
}

// New guards the clock now (time.Now when nil), held to nothing yet.
func New(now func() time.Time) *Clock {
	if now == nil {
		now = time.Now
	}
	return &Clock{now: now}
}

// Open guards the clock now (time.Now when nil) and holds it to what the store
// has recorded and will record. A clock that is behind already is not an error
// here: Check says so.
func Open(_ context.Context, s *store.Store, now func() time.Time) (*Clock, error) {
	c := New(now)
	c.store = s
	return c, nil
}

// Now returns the time, or fault.Unavailable while the clock is behind the mark
// by more than Tolerance.
func (c *Clock) Now() (time.Time, error) {
	now := c.now()
	behind := c.Mark() - now.UnixMilli()
	if behind > Tolerance.Milliseconds() {
		return time.Time{}, fault.New(fault.Unavailable,
			"clock is %d seconds behind what this node has recorded (it shows %s): it was set back, or ran ahead before",
			behind/1000, now.UTC().Format(time.RFC3339))
	}
	return now, nil
}

// Check is Now for those who only want to know whether the clock can be trusted.
func (c *Clock) Check() error {
	_, err := c.Now()
	return err
}

// Mark returns the time the clock is held to, in unix milliseconds.
func (c *Clock) Mark() int64 {
	mark := c.mark.Load()
	if c.store != nil {
		mark = max(mark, c.store.Stamped())
	}
	return mark
}

// Advance raises the mark to a time learnt elsewhere, in unix milliseconds; one
// before the mark changes nothing.
func (c *Clock) Advance(to int64) {
	for {
		old := c.mark.Load()
		if to <= old || c.mark.CompareAndSwap(old, to) {
			return
		}
	}
}

// Reset sets the mark to what the clock shows now, back if need be. It is the
// operator's way out after a clock had run ahead.
func (c *Clock) Reset(ctx context.Context) error {
	at := c.now().UnixMilli()
	if c.store != nil {
		err := c.store.Update(ctx, func(tx *store.Tx) error { return tx.Restamp(at) })
		if err != nil {
			return err
		}
	}
	c.mark.Store(at)
	return nil
}
