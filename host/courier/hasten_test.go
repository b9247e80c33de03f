package courier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestAJobLeftForLaterIsDoneSoonOnceHastened(t *testing.T) {
	s := fresh(t)
	var done atomic.Int64
	c := start(t, s, courier.Options{}, map[string]courier.Handler{"fulfil": func(context.Context, courier.Job) error {
		done.Add(1)
		return nil
	}})
	enqueue(t, s, courier.Job{Kind: "fulfil", Key: "first"})
	c.Kick()
	await(t, "the courier works", func() bool { return done.Load() == 1 })
	later := time.Now().Add(time.Hour).UnixMilli()
	enqueue(t, s, courier.Job{Kind: "fulfil", Key: "a", Due: later}, courier.Job{Kind: "fulfil", Key: "b", Due: later})
	if err := c.Hasten(ctx, "fulfil", "a"); err != nil {
		t.Fatal(err)
	}
	await(t, "the hastened job alone is done", func() bool { return done.Load() == 2 && c.Status()[0].Pending == 1 })
	if err := c.Hasten(ctx, "fulfil", "unknown"); err != nil {
		t.Errorf("a job that is done already: %v", err)
	}
}

func TestAJobThatHasFailedKeepsItsBackOff(t *testing.T) {
	s := fresh(t)
	c := start(t, s, courier.Options{}, map[string]courier.Handler{"fulfil": func(context.Context, courier.Job) error {
		return fault.New(fault.Unavailable, "not yet")
	}})
	enqueue(t, s, courier.Job{Kind: "fulfil", Key: "a"})
	due := func() (at int64) {
		if err := s.View(ctx, func(tx *store.Tx) (err error) { at, _, err = tx.NextJob("fulfil"); return err }); err != nil {
			t.Fatal(err)
		}
		return at
	}
	failed := func() (n int) {
		err := s.View(ctx, func(tx *store.Tx) error {
			j, _, err := tx.FailingJob("fulfil")
			n = j.Attempts
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	await(t, "several failures", func() bool { return failed() >= 3 })
	c.Stop()
	before := due()
	if err := c.Hasten(ctx, "fulfil", "a"); err != nil {
		t.Fatal(err)
	}
	if after := due(); after != before {
		t.Errorf("expected the job to stay due at %d; found %d", before, after)
	}
	if err := c.Retry(ctx, "another"); err != nil || due() != before {
		t.Errorf("another kind is retried: expected the job to stay due at %d; found %d, %v", before, due(), err)
	}
	if err := c.Retry(ctx, "fulfil"); err != nil || due() > time.Now().UnixMilli() {
		t.Errorf("expected the job to be due at once when it is retried; found %d, %v", due(), err)
	}
}

func TestWhatADeadProcessWasAtIsDoneAtTheNextStart(t *testing.T) {
	s := fresh(t)
	enqueue(t, s, courier.Job{Kind: "fulfil", Key: "a", Due: time.Now().Add(time.Hour).UnixMilli()})
	c := start(t, s, courier.Options{}, map[string]courier.Handler{"fulfil": func(context.Context, courier.Job) error { return nil }})
	await(t, "the job is done", func() bool { return c.Status()[0].Pending == 0 })
}
