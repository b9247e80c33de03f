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
//	c := clock.New(s, time.Now)
//	now, err := c.Now()
//
// Differences of up to Tolerance are ordinary corrections of the clock.
package clock

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Tolerance is how far the clock may be behind the mark.
const Tolerance = 2 * time.Minute

// Clock is a wall clock that refuses to go back. It is safe for concurrent use.
type Clock struct {
	now   func() time.Time
	store *store.Store
}

// New guards the clock now (time.Now when nil) and holds it to what the store has
// recorded and will record; to nothing where s is nil. A clock that is behind
// already is not an error here: Check says so.
func New(s *store.Store, now func() time.Time) *Clock {
	if now == nil {
		now = time.Now
	}
	return &Clock{now: now, store: s}
}

// Now returns the time, or fault.Unavailable while the clock is behind the mark
// by more than Tolerance.
func (c *Clock) Now() (time.Time, error) {
	now := c.now()
	behind := c.Mark().Sub(now)
	if behind > Tolerance {
		return time.Time{}, fault.New(fault.Unavailable,
			"clock is %s behind what this node has recorded (it shows %s): it was set back, or ran ahead before",
			behind.Round(time.Second), now.UTC().Format(time.RFC3339))
	}
	return now, nil
}

// Check is Now for those who only want to know whether the clock can be trusted.
func (c *Clock) Check() error {
	_, err := c.Now()
	return err
}

// Shows returns what the wall clock shows, trusted or not.
func (c *Clock) Shows() time.Time { return c.now() }

// Mark returns the time the clock is held to; the epoch's beginning where nothing
// was recorded yet.
func (c *Clock) Mark() time.Time {
	if c.store == nil {
		return time.UnixMilli(0)
	}
	return time.UnixMilli(c.store.Stamped())
}

// Reset sets the mark back to what the clock shows, in one transaction with what
// record writes of it. It is the operator's way out after a clock had run ahead;
// fault.Conflict where the clock is not behind.
func (c *Clock) Reset(ctx context.Context, record func(tx *store.Tx, now time.Time) error) error {
	if c.Check() == nil {
		return fault.New(fault.Conflict, "reset the clock: expected one that is behind what this node has recorded; it is not")
	}
	now := c.now()
	return c.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Restamp(now.UnixMilli()); err != nil {
			return err
		}
		return record(tx, now)
	})
}
