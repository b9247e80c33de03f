package server

import (
	"context"
	"sync"

	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/protocol/fault"
)

// work bounds what is computed at once. Logins of one subject are looked at one
// after the other, so that noise in a person's name takes one worker at most.
type work struct {
	admitted chan struct{} // at work or waiting
	workers  chan struct{}
	perName  int

	mu    sync.Mutex // guards turns
	turns map[ledger.Subject]*turn
}

type turn struct {
	mine  chan struct{} // holds one value while somebody has the turn
	users int           // that have it or wait
}

func newWork(l Limits) *work {
	return &work{
		admitted: make(chan struct{}, l.Workers+l.Waiting), workers: make(chan struct{}, l.Workers),
		perName: l.PerName, turns: map[ledger.Subject]*turn{},
	}
}

var errFull = fault.New(fault.Busy, "the server has as many logins as it takes; try again")

// enter waits for a worker; leave gives it back. It is Busy where too many wait.
func (w *work) enter(ctx context.Context) (leave func(), err error) {
	select {
	case w.admitted <- struct{}{}:
	default:
		return nil, errFull
	}
	select {
	case w.workers <- struct{}{}:
		return func() { <-w.workers; <-w.admitted }, nil
	case <-ctx.Done():
		<-w.admitted
		return nil, fault.New(fault.Deadline, "wait for other logins: %w", ctx.Err())
	}
}

// enterFor is enter, after the subject's other logins.
func (w *work) enterFor(ctx context.Context, s ledger.Subject) (leave func(), err error) {
	w.mu.Lock()
	t := w.turns[s]
	if t == nil {
		t = &turn{mine: make(chan struct{}, 1)}
		w.turns[s] = t
	}
	if t.users >= w.perName {
		w.mu.Unlock()
		return nil, errFull
	}
	t.users++
	w.mu.Unlock()
	gone := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(w.turns, s)
		}
	}
	select {
	case t.mine <- struct{}{}:
	case <-ctx.Done():
		gone()
		return nil, fault.New(fault.Deadline, "wait for other logins: %w", ctx.Err())
	}
	done, err := w.enter(ctx)
	if err != nil {
		<-t.mine
		gone()
		return nil, err
	}
	return func() { done(); <-t.mine; gone() }, nil
}
