package store

import (
	"context"
	"crypto/rand"
	"time"
)

// probe is what Ready writes to find out whether a failure is over: its size is
// the room that must be there. That a smaller transaction succeeds says little:
// on a full disk one goes on fitting in where an order does not.
const (
	probe     = "probe"
	probeSize = 64 << 10
)

// Ready returns nil while no transaction has failed for the database's sake. Once
// one has, it tries to write something, within a second, and returns the failure
// if there still is one; else the failure is over.
func (s *Store) Ready() error {
	failure := s.writer.failure.Load()
	if failure == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// SQLite leaves pages alone whose content stays: the same again would need no room.
	room := make([]byte, probeSize)
	rand.Read(room)
	err := s.Update(ctx, func(tx *Tx) error { return tx.SetMeta(probe, room) })
	if err == nil {
		// Unless another has failed meanwhile.
		s.writer.failure.CompareAndSwap(failure, nil)
	}
	return err
}
