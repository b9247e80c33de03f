package records

import (
	"context"
	"strconv"
	"time"

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
	every := forgetEvery.Milliseconds()
	end := (expires/every + 1) * every
	due := time.UnixMilli(end).Add(forgetAfter)
	return w.Later(JobForget, strconv.FormatInt(end, 10), end, due.Sub(w.Now))
}

// Forget drops the blocks whose time is over; it is what the courier calls.
func (r *Records) Forget(ctx context.Context) error {
	for {
		now, err := r.Clock.Now()
		if err != nil {
			return err
		}
		var n int
		err = r.Store.Update(ctx, func(tx *store.Tx) error {
			n, err = tx.DropPerished(now.UnixMilli(), forgetAtOnce)
			return err
		})
		if err != nil || n < forgetAtOnce {
			return err
		}
	}
}
