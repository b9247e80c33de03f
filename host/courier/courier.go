// Package courier does later what a transaction has promised: telling a peer,
// publishing a block, finishing what was begun.
//
// A job is written with Enqueue in the very transaction whose consequence it is,
// so that it exists if and only if that transaction was committed. Workers claim
// due jobs for a while (a lease) and hand them to the handler of their kind:
//
//	c := courier.New(s, map[string]courier.Handler{"notice": tell}, courier.Options{})
//	c.Start()
//	defer c.Stop()
//
//	err := s.Update(ctx, func(tx *store.Tx) error {
//		return courier.Enqueue(tx, courier.Job{Kind: "notice", Key: cid.String(), Payload: p, Due: now})
//	})
//	c.Kick()
//
// # What a handler may rely on
//
// Every job is handed over at least once, and again after a crash: handlers must
// be safe to repeat. No two handlers have the same job at the same time unless one
// outlives its lease, which its context prevents. A handler that finishes the work
// in a transaction of its own may call Cancel there, so that both are one.
//
// A handler returns nil when the work is done. An error that will be the same
// tomorrow (fault.Invalid, Denied, NotFound, Conflict, Unsupported) parks the job
// as failed, with its reason. After any other error the job waits, longer every
// time but never more than a minute, and is tried for as long as it takes. When
// the job names a place, all others of its kind that go there wait with it, so
// that one silent peer does not use up the workers. A wait that was reckoned while the
// clock ran ahead is cut to a minute once the clock is set right.
package courier

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	// MaxPending is how many jobs of one kind may wait: Enqueue then answers
	// fault.Busy, which fails the transaction.
	MaxPending = 100_000
	// MaxPayload is the largest payload, in bytes. It is meant for CIDs.
	MaxPayload = 64 << 10
)

// Job is a piece of work: Kind selects the handler, Key names the work within its
// kind, Place (optional) says where it goes.
type Job = store.Job

// Handler does one job.
type Handler func(ctx context.Context, j Job) error

// Enqueue adds a job to the outbox as part of a transaction. While the same work
// (kind and key) is pending, enqueuing it again changes nothing.
func Enqueue(tx *store.Tx, j Job) error {
	if j.Kind == "" || j.Key == "" {
		return fault.New(fault.Internal, "courier: a job needs a kind and a key")
	}
	if len(j.Payload) > MaxPayload {
		return fault.New(fault.Internal, "courier: expected a payload of at most %d bytes, found %d", MaxPayload, len(j.Payload))
	}
	return tx.EnqueueJob(j, MaxPending)
}

// Cancel takes a job off the outbox as part of a transaction, also while a handler
// has it. It is not an error when there is none.
func Cancel(tx *store.Tx, kind, key string) error { return tx.CancelJob(kind, key) }

// Options tune a courier; the zero value is right for a node.
type Options struct {
	// Concurrency is how many jobs of one kind are in hand at a time: 8 when zero.
	Concurrency int
	// Lease is how long a handler may take: a minute when zero.
	Lease time.Duration
	// Grace is how long Stop lets handlers go on before it cancels them: 2 s when zero.
	Grace time.Duration
	// Now is the clock: time.Now when nil.
	Now func() time.Time
	// Log gets the full text of failures, once for a place that does not answer and
	// at every attempt at level debug; nothing when nil.
	Log hclog.Logger
}

// Courier runs the workers of one process. It is safe for concurrent use.
type Courier struct {
	store    *store.Store
	options  Options
	owner    string // distinguishes this courier's claims
	handlers map[string]Handler
	kicks    map[string]chan struct{}
	outages  outages

	start, stop sync.Once
	stopping    chan struct{}
	ctx         context.Context // of the handlers
	cancel      context.CancelFunc
	work        sync.WaitGroup
}

// New makes a courier with its handlers, by kind. More may be added with Handle
// until Start.
func New(s *store.Store, handlers map[string]Handler, o Options) *Courier {
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.Lease <= 0 {
		o.Lease = time.Minute
	}
	if o.Grace <= 0 {
		o.Grace = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	id := make([]byte, 16)
	rand.Read(id)
	c := &Courier{
		store: s, options: o, owner: hex.EncodeToString(id),
		handlers: map[string]Handler{}, kicks: map[string]chan struct{}{}, stopping: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for kind, h := range handlers {
		c.Handle(kind, h)
	}
	return c
}

// Handle sets the handler of a kind. Only before Start.
func (c *Courier) Handle(kind string, h Handler) {
	c.handlers[kind] = h
	c.kicks[kind] = make(chan struct{}, 1)
}

// Start begins to work, first on what an earlier process had in hand.
func (c *Courier) Start() {
	c.start.Do(func() {
		for kind, h := range c.handlers {
			c.work.Go(func() { c.serve(kind, h) })
		}
		c.work.Go(c.tidy)
	})
}

// Hasten has a job done in a moment that was left for later, in case an attempt
// elsewhere failed: that attempt has failed. A job that has failed here itself
// keeps its back-off.
func (c *Courier) Hasten(ctx context.Context, kind, key string) error {
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		return tx.HastenJob(kind, key, c.now()+firstDelay.Milliseconds())
	})
	if err == nil {
		c.Kick()
	}
	return err
}

// Retry has the jobs of some kinds that have failed done at once: what they failed
// of may be over.
func (c *Courier) Retry(ctx context.Context, kinds ...string) error {
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		for _, kind := range kinds {
			if err := tx.RetryJobs(kind, c.now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		c.Kick()
	}
	return err
}

// Kick has the workers look for new jobs at once.
func (c *Courier) Kick() {
	for _, kick := range c.kicks {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
}

// Stop takes no more jobs, lets those in hand finish or, after the grace, cancels
// them and gives them back, and waits until every worker is gone.
func (c *Courier) Stop() {
	c.stop.Do(func() {
		close(c.stopping)
		grace := time.AfterFunc(c.options.Grace, c.cancel)
		c.work.Wait()
		grace.Stop()
		c.cancel()
	})
}

func (c *Courier) now() int64 { return c.options.Now().UnixMilli() }
