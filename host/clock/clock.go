// Package clock guards a node against a wall clock that steps back.
//
// Whether an envelope is still fresh, and in what order things happened, is
// judged by the wall clock. A node whose clock has gone back behind what it has
// already recorded would accept what had expired, so it refuses instead: Now and
// Check return fault.Unavailable until the clock has caught up, or the operator
// has looked into it and called Reset.
//
// The mark to which the clock is held is the newest time this node has
// committed. Load reads it at start, Save keeps it in the transaction that
// records something, Advance raises it from elsewhere (the audit log's last
// entry).
//
//	c := clock.New(time.Now)
//	err := s.View(ctx, c.Load)
//	now, err := c.Now()
//
// Differences of up to Tolerance are ordinary corrections of the clock.
package clock

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Tolerance is how far the clock may be behind the mark.
const Tolerance = 2 * time.Minute

// interval is how far the mark must have moved for Save to write it.
const interval = 10 * time.Second

// name of the mark among the store's values: 8 bytes, unix milliseconds, big-endian.
const name = "clock/mark"

// Clock is a wall clock that refuses to go back. It is safe for concurrent use.
type Clock struct {
	now   func() time.Time
	mark  atomic.Int64 // unix milliseconds
	saved atomic.Int64 // what the store has of it
}

// New guards the clock now.
func New(now func() time.Time) *Clock { return &Clock{now: now} }

// Now returns the time, or fault.Unavailable while the clock is behind the mark
// by more than Tolerance.
func (c *Clock) Now() (time.Time, error) {
	now := c.now()
	if behind := time.Duration(c.mark.Load()-now.UnixMilli()) * time.Millisecond; behind > Tolerance {
		return time.Time{}, fault.New(fault.Unavailable,
			"clock is %s behind what this node has recorded (it shows %s): it was set back, or wrong before",
			behind.Round(time.Second), now.UTC().Format(time.RFC3339))
	}
	return now, nil
}

// Check is Now for those who only want to know whether the clock can be trusted.
func (c *Clock) Check() error {
	_, err := c.Now()
	return err
}

// Mark returns the newest time the clock is held to, in unix milliseconds.
func (c *Clock) Mark() int64 { return c.mark.Load() }

// Advance raises the mark to a time that was committed; one before it changes nothing.
func (c *Clock) Advance(committed int64) { raise(&c.mark, committed) }

func raise(v *atomic.Int64, to int64) {
	for {
		old := v.Load()
		if to <= old || v.CompareAndSwap(old, to) {
			return
		}
	}
}

// Load raises the mark to the one kept in the store.
func (c *Clock) Load(tx *store.Tx) error {
	b, err := tx.Meta(name)
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if len(b) != 8 {
		return fault.New(fault.Unavailable, "clock: expected a mark of 8 bytes in the store, got %d", len(b))
	}
	mark := int64(binary.BigEndian.Uint64(b))
	c.Advance(mark)
	raise(&c.saved, mark)
	return nil
}

// Save refuses like Now, and otherwise keeps the time as the new mark when it is
// well ahead of the one kept, so that most calls write nothing. The mark itself
// moves when the transaction is committed.
func (c *Clock) Save(tx *store.Tx) error {
	now, err := c.Now()
	if err != nil {
		return err
	}
	at := now.UnixMilli()
	tx.AfterCommit(func() { c.Advance(at) })
	if at < c.saved.Load()+interval.Milliseconds() {
		return nil
	}
	if err := keep(tx, at); err != nil {
		return err
	}
	tx.AfterCommit(func() { raise(&c.saved, at) })
	return nil
}

// Reset sets the mark to what the clock shows now, back if need be. It is the
// operator's way out after a clock had run ahead.
func (c *Clock) Reset(tx *store.Tx) error {
	at := c.now().UnixMilli()
	if err := keep(tx, at); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		c.mark.Store(at)
		c.saved.Store(at)
	})
	return nil
}

func keep(tx *store.Tx, at int64) error {
	return tx.SetMeta(name, binary.BigEndian.AppendUint64(nil, uint64(at)))
}
