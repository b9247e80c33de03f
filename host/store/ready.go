package store

import (
	"context"
	"time"
)

// probe is what Ready writes to find out whether a failure is over: its size is
// the room that must be there.
const (
	probe     = "probe"
	probeSize = 64 << 10
)

// Ready returns nil when the newest transaction that changed anything succeeded.
// Otherwise it tries to write something, within a second, and returns the failure
// if there still is one.
func (s *Store) Ready() error {
	if s.writer.failure.Load() == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.Update(ctx, func(tx *Tx) error { return tx.SetMeta(probe, make([]byte, probeSize)) })
}
