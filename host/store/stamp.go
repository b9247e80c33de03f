package store

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/milagro-dta/dta/protocol/fault"
)

// stampName is the stamp's name in table meta: 8 bytes, unix milliseconds,
// big-endian.
const stampName = "stamp"

// stampEvery is how far, in milliseconds, stamps must have moved on for the row
// to be written again.
const stampEvery = 10_000

// stamps remembers the newest time at which something was recorded.
type stamps struct {
	newest atomic.Int64
	kept   atomic.Int64 // what the row says
}

// Stamp says that what this transaction records happened at a time, in unix
// milliseconds.
func (tx *Tx) Stamp(at int64) error {
	if err := tx.usable(true); err != nil {
		return err
	}
	if at >= tx.stamps.kept.Load()+stampEvery {
		if err := tx.keepStamp(at); err != nil {
			return err
		}
		tx.AfterCommit(func() { raise(&tx.stamps.kept, at) })
	}
	tx.AfterCommit(func() { raise(&tx.stamps.newest, at) })
	return nil
}

// Restamp sets the stamp, back if need be: for an operator whose clock had run
// ahead.
func (tx *Tx) Restamp(at int64) error {
	if err := tx.keepStamp(at); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		tx.stamps.newest.Store(at)
		tx.stamps.kept.Store(at)
	})
	return nil
}

// Stamped returns the newest time stamped and committed, in unix milliseconds; 0
// when there is none. After a restart it may be up to ten seconds less.
func (s *Store) Stamped() int64 { return s.stamps.newest.Load() }

func (tx *Tx) keepStamp(at int64) error {
	return tx.SetMeta(stampName, binary.BigEndian.AppendUint64(nil, uint64(at)))
}

func (s *Store) loadStamp(tx *Tx) error {
	b, err := tx.Meta(stampName)
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if len(b) != 8 {
		return fault.New(fault.Conflict, "%w stamp in the store: expected 8 bytes, found %d", ErrDamaged, len(b))
	}
	at := int64(binary.BigEndian.Uint64(b))
	s.stamps.newest.Store(at)
	s.stamps.kept.Store(at)
	return nil
}

func raise(v *atomic.Int64, to int64) {
	for {
		old := v.Load()
		if to <= old || v.CompareAndSwap(old, to) {
			return
		}
	}
}
