package courier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/protocol/fault"
)

// What failed while the clock ran ahead is not kept back until that time comes.
func TestAClockThatRanAheadHoldsNothingUpOnceItIsSetRight(t *testing.T) {
	for name, restarted := range map[string]bool{"in the same process": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			began := time.Now()
			right := time.UnixMilli(1_700_000_000_000)
			var ahead atomic.Int64
			ahead.Store(int64(365 * 24 * time.Hour))
			// A minute passes in half a second.
			o := courier.Options{Now: func() time.Time {
				return right.Add(120*time.Since(began) + time.Duration(ahead.Load()))
			}}
			var answers atomic.Bool
			var failed, done atomic.Int32
			handlers := map[string]courier.Handler{"notice": func(context.Context, courier.Job) error {
				if answers.Load() {
					done.Add(1)
					return nil
				}
				failed.Add(1)
				return fault.New(fault.Unavailable, "it is away")
			}}
			enqueue(t, s,
				courier.Job{Kind: "notice", Key: "to a place", Place: "there", Due: right.UnixMilli()},
				courier.Job{Kind: "notice", Key: "to nowhere", Due: right.UnixMilli()})
			c := start(t, s, o, handlers)
			await(t, "both jobs fail", func() bool { return failed.Load() >= 8 })
			if restarted {
				c.Stop()
			}
			ahead.Store(0)
			answers.Store(true)
			if restarted {
				start(t, s, o, handlers)
			}
			await(t, "both jobs are done", func() bool { return done.Load() >= 2 })
		})
	}
}
