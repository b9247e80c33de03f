// Package flight runs work that belongs to a service and not to the caller who
// asked for it: a caller may go, the work goes on, and whoever asks for the same
// meanwhile joins it.
package flight

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Group is the work of one service. Make it with New and end it with Close.
type Group[T any] struct {
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	flying  map[string]*flight[T]
	running sync.WaitGroup
}

type flight[T any] struct {
	done   chan struct{}
	result T
	err    error
}

// New makes a group.
func New[T any]() *Group[T] {
	g := &Group[T]{flying: make(map[string]*flight[T])}
	g.life, g.end = context.WithCancel(context.Background())
	return g
}

// Do runs work under a key, or joins the run under way, and waits for it until
// ctx ends; then it is fault.Deadline and the work goes on, until limit or
// Close. The work's context has the values of ctx. A panic of the work is
// fault.Internal.
func (g *Group[T]) Do(ctx context.Context, key string, limit time.Duration, work func(context.Context) (T, error)) (T, error) {
	var none T
	f, err := g.join(ctx, key, limit, work)
	if err != nil {
		return none, err
	}
	select {
	case <-f.done:
		return f.result, f.err
	case <-ctx.Done():
		return none, fault.New(fault.Deadline, "it goes on: %w", ctx.Err())
	}
}

func (g *Group[T]) join(caller context.Context, key string, limit time.Duration, work func(context.Context) (T, error)) (*flight[T], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f, ok := g.flying[key]; ok {
		return f, nil
	}
	if g.closed {
		return nil, fault.New(fault.Unavailable, "the node is stopping")
	}
	f := &flight[T]{done: make(chan struct{})}
	g.flying[key] = f
	g.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(caller), limit)
		defer cancel()
		defer context.AfterFunc(g.life, cancel)()
		f.result, f.err = contained(ctx, work)
		g.mu.Lock()
		delete(g.flying, key)
		g.mu.Unlock()
		close(f.done)
	})
	return f, nil
}

func contained[T any](ctx context.Context, work func(context.Context) (T, error)) (result T, err error) {
	err = Contain(func() (err error) {
		result, err = work(ctx)
		return err
	})
	return result, err
}

// Contain runs work in the caller's goroutine and turns a panic into
// fault.Internal, for goroutines that handle what strangers send.
func Contain(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.New(fault.Internal, "it panicked: %v\n%s", v, debug.Stack())
		}
	}()
	return work()
}

// Close cancels the work under way, waits for it, and takes no more.
func (g *Group[T]) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.end()
	g.running.Wait()
}
