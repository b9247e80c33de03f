package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Update runs do in the next transaction and returns nil once it is durable.
// Any error means that nothing do wrote was kept. It waits for its turn as long
// as ctx allows; from then on it is run to its end, so that the caller always
// learns the outcome.
//
// do may run when its caller has been waiting for others, never twice, and must
// not block, nor use the store other than through its Tx.
func (s *Store) Update(ctx context.Context, do func(*Tx) error) error {
	return s.update(ctx, &request{do: do})
}

func (s *Store) update(ctx context.Context, r *request) error {
	if s.writer == nil {
		return fault.New(fault.Unavailable, "store update: the store was opened to be read only")
	}
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Deadline, "store update: %w", err)
	}
	r.done = make(chan struct{})
	if err := s.writer.enqueue(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return fault.New(fault.Deadline, "store update: gave up in the queue: %w", ctx.Err())
		}
		<-r.done
		return r.err
	}
}

// AfterEachCommit has f called after every commit, once what [Tx.AfterCommit]
// asked for has run and before any caller of Update learns that its closure was
// committed. An error says that what is committed may be lost with the process:
// the callers get it instead of success, and the write-ahead log is copied into
// the database at once. f runs in the writer's goroutine and must be quick.
func (s *Store) AfterEachCommit(f func() error) { s.writer.settled.Store(&f) }

// Cut has everything that was committed before it written into the database, and
// cuts the write-ahead log to nothing: what was overwritten or deleted is then in
// neither file. It waits for views that still read from the log as long as ctx
// allows, and is fault.Busy where they go on.
func (s *Store) Cut(ctx context.Context) error {
	for {
		cut := false
		if err := s.update(ctx, &request{do: func(*Tx) error { return nil }, cut: &cut}); err != nil || cut {
			return err
		}
		select {
		case <-time.After(cutAgain):
		case <-ctx.Done():
			return fault.New(fault.Busy, "the write-ahead log is still being read: try again")
		}
	}
}

// cutAgain is how soon a log that was being read is cut again.
const cutAgain = 50 * time.Millisecond

type request struct {
	do    func(*Tx) error
	cut   *bool       // the write-ahead log is to be cut after the commit; set once it was
	taken atomic.Bool // by the writer, or by a caller who gave up
	tx    *Tx
	err   error
	done  chan struct{}
}

// writer owns the one connection that writes.
type writer struct {
	db      *sql.DB
	settled atomic.Pointer[func() error] // runs after each commit, before its callers learn of it
	stamps  *stamps
	size    int // closures in a batch at most
	stopped chan struct{}
	failure atomic.Pointer[error] // of the newest transaction that failed since Ready last found room

	mu     sync.RWMutex // guards closing of queue against sends
	closed bool
	queue  chan *request

	c *connection // used by run alone; nil when it must be dialled
}

func newWriter(db *sql.DB, st *stamps, o Options) *writer {
	w := &writer{db: db, stamps: st, size: o.Batch, queue: make(chan *request, o.Queue), stopped: make(chan struct{})}
	go w.run()
	return w
}

func (w *writer) enqueue(r *request) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fault.New(fault.Unavailable, "store update: the store is closed")
	}
	select {
	case w.queue <- r:
		return nil
	default:
		return fault.New(fault.Busy, "store update: %d updates are waiting already", cap(w.queue))
	}
}

// stop runs what is queued and ends the writer; false when it was stopped before.
func (w *writer) stop() bool {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		<-w.stopped
		return false
	}
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	<-w.stopped
	return true
}

// run writes until the queue is closed. A closure that ends the goroutine
// (runtime.Goexit, as a test's FailNow does) loses its batch, not the writer.
func (w *writer) run() {
	var ran []*request
	stopped := false
	defer func() {
		if w.c != nil {
			w.drop()
		}
		if stopped {
			close(w.stopped)
			return
		}
		w.answer(ran, fault.New(fault.Internal, "store closure ended its goroutine"))
		go w.run()
	}()
	for first := range w.queue {
		ran = ran[:0]
		w.batch(first, &ran)
	}
	stopped = true
}

// batch runs first and whatever else arrives meanwhile in one transaction.
func (w *writer) batch(first *request, ran *[]*request) {
	err := w.transaction(func() error {
		for r := first; r != nil; r = w.next(len(*ran)) {
			if !r.taken.CompareAndSwap(false, true) {
				continue
			}
			*ran = append(*ran, r)
			if err := w.attempt(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.failure.Store(&err)
		if len(*ran) == 0 {
			// The transaction could not even begin. Whoever waits would only
			// wait for the same failure.
			for r := first; r != nil; r = w.next(len(*ran)) {
				if r.taken.CompareAndSwap(false, true) {
					*ran = append(*ran, r)
				}
			}
		}
	}
	if err == nil {
		w.cut(*ran)
	}
	w.answer(*ran, err)
}

// cut empties the write-ahead log for those of a batch that ask for it.
func (w *writer) cut(ran []*request) {
	for _, r := range ran {
		if r.cut == nil || r.err != nil {
			continue
		}
		busy, err := w.c.checkpoint()
		if err != nil {
			r.err = failed("cut the write-ahead log", err)
			continue
		}
		*r.cut = !busy
	}
}

// answer lets the callers of a batch go. When the batch failed they all get its
// error: even a closure's own refusal may rest on rows that are gone now.
func (w *writer) answer(ran []*request, err error) {
	for _, r := range ran {
		if err != nil {
			r.err = err
			if errors.Is(err, ErrDamaged) && (r.tx == nil || r.tx.broken == nil) {
				// What is damaged concerns the closure that met it, and not this one.
				r.err = fault.New(fault.Unavailable, "store update: undone with another that met damage: %w", err)
			}
		}
		r.tx.finish(r.err == nil)
	}
	if settled := w.settled.Load(); err == nil && settled != nil {
		if err := guard(func(*Tx) error { return (*settled)() }, nil); err != nil {
			for _, r := range ran {
				if r.err == nil {
					r.err = err
				}
			}
			w.checkpoint()
		}
	}
	for _, r := range ran {
		close(r.done)
	}
}

// next takes another request without waiting, while the batch has room.
func (w *writer) next(n int) *request {
	if n >= w.size {
		return nil
	}
	select {
	case r := <-w.queue:
		return r
	default:
		return nil
	}
}

// transaction runs body within a transaction on the writer's connection. After a
// failure that the connection may not have survived, the connection is dropped.
func (w *writer) transaction(body func() error) error {
	if w.c == nil {
		c, err := dial(context.Background(), w.db)
		if err != nil {
			return failed("open", err)
		}
		w.c = c
	}
	if err := w.c.begin(true); err != nil {
		w.drop()
		return failed("begin", err)
	}
	ended := false
	defer func() {
		// A connection with a transaction left open could not even be closed.
		if !ended && w.c.rollback() != nil {
			w.drop()
		}
	}()
	if err := body(); err != nil {
		return err
	}
	ended = true
	if err := w.c.commit(); err != nil {
		w.drop()
		return failed("commit", err)
	}
	return nil
}

// checkpoint copies into the database what the write-ahead log holds, as far as
// no view still needs it there. Where it fails, the log stays as it was.
func (w *writer) checkpoint() {
	if rows, err := w.c.query("pragma wal_checkpoint(passive)"); err == nil {
		for rows.Next() {
		}
		rows.Close()
	}
}

func (w *writer) drop() {
	w.c.close()
	w.c = nil
}

// attempt runs one closure within a savepoint. The error it returns is one that
// ends the whole batch; the closure's own error is in r.err.
func (w *writer) attempt(r *request) error {
	r.tx = &Tx{c: w.c, write: true, stamps: w.stamps}
	if _, err := w.c.exec("savepoint closure"); err != nil {
		return failed("savepoint", err)
	}
	r.err = guard(r.do, r.tx)
	r.tx.ended = true
	if r.tx.broken != nil {
		return r.tx.broken
	}
	if r.err == nil {
		r.err = r.tx.refused
	}
	if r.err != nil {
		_, err := w.c.exec("rollback to savepoint closure")
		r.tx.finish(false) // before the next closure reads what the hooks restore
		if err != nil {
			return failed("rollback", err)
		}
	}
	if _, err := w.c.exec("release savepoint closure"); err != nil {
		return failed("release", err)
	}
	return nil
}

// finish tells those who asked what became of the closure's writes.
func (tx *Tx) finish(committed bool) {
	if tx == nil {
		return
	}
	hooks := tx.undone
	if committed {
		hooks = tx.committed
	}
	tx.committed, tx.undone = nil, nil
	for _, f := range hooks {
		guard(func(*Tx) error { f(); return nil }, nil)
	}
}

// guard runs f and turns a panic into an error.
func guard(f func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.New(fault.Internal, "store closure panicked in %s: %v", panicked(), v)
		}
	}()
	return f(tx)
}

// panicked names the function that panicked, when called from a deferred one.
func panicked() string {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return f.Function
		}
		if !more {
			return "an unknown place"
		}
	}
}
