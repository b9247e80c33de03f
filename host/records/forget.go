package records

import (
	"context"
	"strconv"
	"time"

	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
)

const (
	// forgetEvery is how much time one job of JobForget covers, so that a hundred
	// thousand requests in a day leave a hundred jobs.
	forgetEvery = 15 * time.Minute
	// forgetAfter is how long after that it is done: whoever still had a right to a
	// block has read it by then.
	forgetAfter = time.Minute
	// forgetAtOnce is how many blocks one transaction forgets.
	forgetAtOnce = 256
)

// Until keeps a block that carries secrets until a time, in unix milliseconds, and
// has the courier drop it some minutes later. It is nobody's to fetch, nor
// published: the service that put it there hands it out.
func (w *Writer) Until(chapter string, c dag.CID, block []byte, expires int64) error {
	if err := w.PutBlock(c, block, false, chapter); err != nil {
		return err
	}
	if err := w.Perish(c, expires); err != nil {
		return err
	}
	key, due := forgetting(expires)
	return w.Later(JobForget, key, expires, due.Sub(w.Now))
}

// forgetting names the job that drops what expires at a time, in unix milliseconds,
// and says when it is due.
func forgetting(expires int64) (key string, due time.Time) {
	every := forgetEvery.Milliseconds()
	end := (expires/every + 1) * every
	return strconv.FormatInt(end, 10), time.UnixMilli(end).Add(forgetAfter)
}

// Forget drops the blocks whose time is over; it is what the courier calls. It may
// be called early, as at a start, and leaves a job for what is not over yet.
func (r *Records) Forget(ctx context.Context) error {
	for {
		now, err := r.Clock.Now()
		if err != nil {
			return err
		}
		var n int
		err = r.Store.Update(ctx, func(tx *store.Tx) error {
			if n, err = tx.DropPerished(now.UnixMilli(), forgetAtOnce); err != nil || n == forgetAtOnce {
				return err
			}
			return forgetNext(tx)
		})
		if err != nil || n < forgetAtOnce {
			return err
		}
	}
}

// forgetNext queues the next job anew: it may be the one in hand, which is taken
// off the outbox as soon as this call succeeds.
func forgetNext(tx *store.Tx) error {
	expires, ok, err := tx.NextPerish()
	if err != nil || !ok {
		return err
	}
	key, due := forgetting(expires)
	if err := courier.Cancel(tx, JobForget, key); err != nil {
		return err
	}
	return courier.Enqueue(tx, courier.Job{Kind: JobForget, Key: key, Due: due.UnixMilli()})
}
