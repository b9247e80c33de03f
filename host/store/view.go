package store

import (
	"context"

	"github.com/milagro-dta/dta/protocol/fault"
)

// View runs do on a snapshot of what is committed, beside other views and the
// writer. It waits for a free connection as long as ctx allows. The hooks of its
// Tx are never called.
func (s *Store) View(ctx context.Context, do func(*Tx) error) error {
	c, ok, err := s.reader(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Unavailable, "store view: the store is closed")
	}
	defer func() { s.pool <- c }()
	if c == nil {
		if c, err = dial(ctx, s.readers); err != nil {
			return failed("view", err)
		}
	}
	if err := c.begin(false); err != nil {
		c.close()
		c = nil
		return failed("view", err)
	}
	t := &Tx{c: c}
	defer func() {
		t.ended = true
		if c.rollback() != nil || t.broken != nil {
			c.close()
			c = nil
		}
	}()
	if err := guard(do, t); err != nil {
		return err
	}
	return t.broken
}

func (s *Store) reader(ctx context.Context) (*connection, bool, error) {
	select {
	case c, ok := <-s.pool:
		return c, ok, nil
	default:
	}
	select {
	case c, ok := <-s.pool:
		return c, ok, nil
	case <-ctx.Done():
		return nil, false, fault.New(fault.Deadline, "store view: gave up waiting: %w", ctx.Err())
	}
}
