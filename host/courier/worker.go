package courier

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	poll       = time.Second            // between looks when nobody kicks
	rest       = 20 * time.Millisecond  // between looks at least, when nothing could be claimed
	firstDelay = 250 * time.Millisecond // after the first failure
	maxDelay   = time.Minute
	maxReason  = 512                 // bytes
	keepParked = 30 * 24 * time.Hour // failed jobs are shown for so long
)

// serve claims jobs of one kind for as many hands as are free.
func (c *Courier) serve(kind string, h Handler) {
	hands := make(chan struct{}, c.options.Concurrency)
	released := false
	var shown int64 // by the clock, at the last claim
	for {
		// Wait for one hand, then take all that are free.
		select {
		case hands <- struct{}{}:
		case <-c.stopping:
			return
		}
		free := 1
		for free < cap(hands) && tryTake(hands) {
			free++
		}
		now := c.now()
		claimed, err := c.claim(kind, free, now, !released, now < shown)
		if err == nil {
			released, shown = true, now
			if c.outages.end(outage{kind: kind}) {
				c.options.Log.Info("jobs can be claimed again", "kind", kind)
			}
		} else if c.outages.begin(outage{kind: kind}) {
			c.options.Log.Warn("cannot claim jobs", "kind", kind, "error", err)
		}
		for range free - len(claimed) {
			<-hands
		}
		for _, j := range claimed {
			c.work.Go(func() {
				defer func() { <-hands }()
				c.do(h, j)
			})
		}
		if len(claimed) == 0 && !c.wait(kind) {
			return
		}
	}
}

func tryTake(hands chan struct{}) bool {
	select {
	case hands <- struct{}{}:
		return true
	default:
		return false
	}
}

// claim takes at most n jobs. The first claim of a process, and one after the clock
// went back, correct what an earlier process or another time has left.
func (c *Courier) claim(kind string, n int, now int64, first, back bool) (claimed []Job, err error) {
	err = c.store.Update(c.ctx, func(tx *store.Tx) error {
		if first && c.store.Exclusive() {
			// Whoever had claimed these, or was at them, is gone.
			if err := tx.ReleaseJobs(kind, now); err != nil {
				return err
			}
		}
		if first || back {
			// No failure of the present asks for a longer wait.
			if err := tx.RewindJobs(kind, now+maxDelay.Milliseconds()); err != nil {
				return err
			}
		}
		claimed, err = tx.ClaimJobs(c.owner, []string{kind}, now, c.options.Lease.Milliseconds(), n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// wait returns when there may be something to do; false when there is not, because
// the courier stops.
func (c *Courier) wait(kind string) bool {
	delay := poll
	err := c.store.View(c.ctx, func(tx *store.Tx) error {
		at, ok, err := tx.NextJob(kind)
		if ok {
			delay = min(poll, max(rest, time.Duration(at-c.now())*time.Millisecond))
		}
		return err
	})
	if err != nil {
		delay = poll
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.kicks[kind]:
	case <-c.stopping:
		return false
	}
	return true
}

// do hands one job over and records what came of it.
func (c *Courier) do(h Handler, j Job) {
	// The handler must be gone before another may claim the job.
	ctx, cancel := context.WithTimeout(c.ctx, c.options.Lease*9/10)
	err := flight.Contain(func() error { return h(ctx, j) })
	cancel()
	outcome := func(tx *store.Tx) error { return c.finish(tx, j) }
	switch {
	case err == nil:
		c.tellSuccess(j)
	case c.ctx.Err() != nil:
		outcome = func(tx *store.Tx) error { return tx.DelayJob(c.owner, j) }
	case fault.Of(err).Final():
		c.options.Log.Error("job failed for good", "kind", j.Kind, "key", j.Key, "error", err)
		outcome = func(tx *store.Tx) error { return c.park(tx, j, err) }
	default:
		c.tellFailure(j, err, silent(j, err))
		outcome = func(tx *store.Tx) error { return c.delay(tx, j, err) }
	}
	// Not c.ctx: what was done must be recorded also while stopping. Where that
	// fails the job is done again when its lease ends.
	if err := c.store.Update(context.WithoutCancel(c.ctx), outcome); err != nil {
		c.options.Log.Warn("cannot record the outcome of a job", "kind", j.Kind, "key", j.Key, "error", err)
	}
}

func (c *Courier) finish(tx *store.Tx, j Job) error {
	if j.Place != "" {
		if err := tx.UnholdJobs(j.Kind, j.Place); err != nil {
			return err
		}
	}
	return tx.FinishJob(c.owner, j.Kind, j.Key)
}

func (c *Courier) park(tx *store.Tx, j Job, err error) error {
	j.Attempts++
	j.Due, j.Reason = c.now(), reason(err)
	return tx.ParkJob(c.owner, j)
}

func (c *Courier) delay(tx *store.Tx, j Job, err error) error {
	now := c.now()
	j.Attempts++
	j.Due, j.Reason = now+backoff(j.Attempts).Milliseconds(), reason(err)
	if silent(j, err) {
		until, n, err := tx.HeldJobs(j.Kind, j.Place)
		if err != nil {
			return err
		}
		// Several were on their way when the place fell silent: that is one failure.
		if until <= now {
			n++
			if err := tx.HoldJobs(j.Kind, j.Place, now+backoff(n).Milliseconds(), n, j.Reason); err != nil {
				return err
			}
		}
	}
	return tx.DelayJob(c.owner, j)
}

// silent says whether a job failed because the place where it goes did not answer.
func silent(j Job, err error) bool { return j.Place != "" && fault.Of(err).Retryable() }

// backoff doubles from firstDelay to maxDelay; the later half of it is random, so
// that jobs which failed together do not come back together.
func backoff(attempts int) time.Duration {
	d := maxDelay
	if attempts < 16 {
		d = min(maxDelay, firstDelay<<max(0, attempts-1))
	}
	return d/2 + rand.N(d/2+1)
}

// reason is what others may read of an error.
func reason(err error) string {
	text := fault.Public(err)
	if len(text) > maxReason {
		text = fmt.Sprintf("%.*s…", maxReason-3, text)
	}
	return text
}

// tidy forgets failed jobs after a while.
func (c *Courier) tidy() {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		err := c.store.Update(c.ctx, func(tx *store.Tx) error { return tx.DropParkedJobs(c.now() - keepParked.Milliseconds()) })
		if err != nil {
			c.options.Log.Warn("cannot forget old failed jobs", "error", err)
		}
		select {
		case <-ticker.C:
		case <-c.stopping:
			return
		}
	}
}
