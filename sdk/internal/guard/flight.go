package guard

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// flights joins repeats of a call to the one in flight. The zero value is ready.
//
// A caller waits as long as its own context lasts. The work goes on while anyone waits, so that a first caller with
// little time left does not spoil it for those who joined; it is cancelled when the last one has gone.
type flights[T any] struct {
	mu  sync.Mutex
	all map[string]*flight[T] // guarded by mu
}

type flight[T any] struct {
	context.Context // cancelled when nobody waits any more
	cancel          context.CancelFunc
	done            chan struct{}

	mu       *sync.Mutex // that of its flights; guards what follows
	waiting  int
	deadline time.Time // the latest of those who wait or waited

	// Written before done is closed, read after.
	result T
	err    error
}

// Deadline is the latest of the callers', so that a custodian does not hurry more than they do.
func (f *flight[T]) Deadline() (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deadline, !f.deadline.IsZero()
}

// do runs work, or joins the run that another call with this key began.
func (fs *flights[T]) do(ctx context.Context, key string, work func(context.Context) (T, error)) (T, error) {
	fs.mu.Lock()
	f := fs.all[key]
	if f == nil {
		f = fs.begin(ctx, key, work)
	}
	f.waiting++
	if d, ok := ctx.Deadline(); ok && d.After(f.deadline) {
		f.deadline = d
	}
	fs.mu.Unlock()

	select {
	case <-f.done:
		return f.result, f.err
	case <-ctx.Done():
		fs.mu.Lock()
		defer fs.mu.Unlock()
		if f.waiting--; f.waiting == 0 {
			f.cancel()
			// A repeat that comes now must not join what is being given up.
			if fs.all[key] == f {
				delete(fs.all, key)
			}
		}
		var none T
		return none, ctx.Err()
	}
}

// begin starts a flight. The caller holds fs.mu.
func (fs *flights[T]) begin(ctx context.Context, key string, work func(context.Context) (T, error)) *flight[T] {
	f := &flight[T]{done: make(chan struct{}), mu: &fs.mu}
	f.Context, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if fs.all == nil {
		fs.all = make(map[string]*flight[T])
	}
	fs.all[key] = f
	go func() {
		defer f.cancel()
		// A panic of the author's code must not end the process and everyone else's calls with it.
		defer func() {
			if v := recover(); v != nil {
				f.err = Panicked(v)
			}
			fs.mu.Lock()
			if fs.all[key] == f {
				delete(fs.all, key)
			}
			fs.mu.Unlock()
			close(f.done)
		}()
		// What stands if the author's code ends the goroutine instead of returning.
		f.err = fault.New(fault.Internal, "the call ended without an answer")
		f.result, f.err = work(f)
	}()
	return f
}

// safeguardKey names a call together with everything it shows but the checkpoint, which may have grown, and the order's
// signature, of which there are many: only a true repeat joins.
func safeguardKey(req *contract.SafeguardRequest, o *order.VerifiedOrder) string {
	return callKey(req.GetDocuments(), []byte(req.GetOperationId()), o.HeaderCID().Bytes(), req.GetShare())
}

func releaseKey(req releasing, cause *contract.Shown, more ...[]byte) string {
	return callKey(req.GetDocuments(), append(more, []byte(req.GetOperationId()), req.GetOrder().GetEnvelope(), req.GetOrder().GetPlain(),
		req.GetAcceptance().GetEnvelope(), req.GetAcceptance().GetPlain(), cause.GetEnvelope(), cause.GetPlain(), req.GetDeposit())...)
}

func callKey(documents [][]byte, parts ...[]byte) string {
	h := sha256.New()
	write := func(p []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	for _, p := range parts {
		write(p)
	}
	for _, d := range documents {
		write(d)
	}
	return string(h.Sum(nil))
}
