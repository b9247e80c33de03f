package supervisor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Supervisor keeps one plugin running. Its methods may be called from anywhere.
type Supervisor struct {
	name     string
	opt      Options
	log      hclog.Logger
	view     atomic.Pointer[view]
	wish     atomic.Pointer[wish]
	wished   chan struct{}  // holds a note that there is another wish
	trials   chan *trial    // to the process that serves
	leaving  sync.WaitGroup // processes that another has replaced
	inFlight atomic.Int64

	wishing sync.Mutex // held while a wish takes another's place

	mu   sync.Mutex // guards what follows
	end  context.CancelCauseFunc
	done chan struct{} // closed when the loop has ended; nil when there is none
}

// wish is what an operator wants to run. Each restart is another one.
type wish struct {
	number uint64
	spec   Spec
}

// stopping ends the loop's context and carries Stop's own, which limits the draining.
type stopping struct{ ctx context.Context }

func (stopping) Error() string { return "the plugin is being stopped" }

// New makes a Supervisor in state stopped. A Spec that no start could cure is refused by Start.
func New(spec Spec, opt Options) *Supervisor {
	spec = spec.withDefaults()
	s := &Supervisor{name: spec.Name, opt: opt.withDefaults(), log: spec.Logger, wished: make(chan struct{}, 1), trials: make(chan *trial)}
	s.wish.Store(&wish{spec: spec})
	s.view.Store(&view{
		status: Status{
			Name: spec.Name, Type: spec.Type, State: Stopped,
			SHA256: spec.SHA256, Pinned: spec.SHA256 != "", Since: time.Now(),
		},
		next: make(chan struct{}),
	})
	return s
}

// Start begins to supervise and waits, as Ready does, for the plugin to be ready. Whatever it returns, but for an
// invalid Spec and a second Start, the supervision goes on until Stop.
func (s *Supervisor) Start(ctx context.Context) error {
	spec := s.wish.Load().spec
	if err := spec.check(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.done != nil {
		s.mu.Unlock()
		return fault.New(fault.Conflict, "plugin %q is supervised already", s.name)
	}
	loop, end := context.WithCancelCause(context.Background())
	s.end, s.done = end, make(chan struct{})
	s.publish(func(v *view) { v.status.State, v.ending = Starting, false })
	go s.loop(loop, s.done)
	s.mu.Unlock()
	s.warnUnpinned(spec)
	return s.Ready(ctx)
}

func (s *Supervisor) warnUnpinned(spec Spec) {
	if spec.SHA256 == "" {
		s.log.Warn("the plugin's program is not pinned", "command", spec.Command)
	}
}

// Ready waits until the plugin is ready. It returns an error of kind unavailable as soon as the plugin is failed or
// stopped or has failed to start several times in a row, or when ctx ends.
func (s *Supervisor) Ready(ctx context.Context) error {
	_, err := s.lent(ctx, (*generation).sound)
	return err
}

// Stop refuses new calls, waits a moment for those in flight, ends the process and all that it forked, and returns
// when that is done: within about three seconds whatever the plugin does, at once when ctx ends. Start may follow.
func (s *Supervisor) Stop(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		return
	}
	s.end(stopping{ctx})
	<-s.done
	s.done = nil
}

// Restart replaces the process, after draining it, or starts a failed or waiting plugin anew; a start under way is
// first let come to its end. It does not wait. It is the only way out of state failed, and an error of kind conflict
// in state stopped.
func (s *Supervisor) Restart() error {
	_, err := s.ask(func(as Spec) Spec { return as })
	return err
}

// ask makes what change gives the wish.
func (s *Supervisor) ask(change func(Spec) Spec) (number uint64, err error) {
	if v := s.view.Load(); v.status.State == Stopped || v.ending {
		return 0, fault.New(fault.Conflict, "plugin %q is stopped", s.name)
	}
	s.wishing.Lock()
	defer s.wishing.Unlock()
	old := s.wish.Load()
	w := &wish{number: old.number + 1, spec: change(old.spec)}
	s.wish.Store(w)
	select {
	case s.wished <- struct{}{}:
	default: // a note is there
	}
	return w.number, nil
}

// Call waits until the plugin is ready, but not longer than ctx, and runs fn. Errors have a kind:
//
//	unavailable  the plugin was not ready in time, does not start, is stopped, or died during the call
//	deadline     ctx ended while fn ran: the outcome is unknown
//	busy         too many calls wait already
//	others       as the plugin or fn returned them
//
// fn's context ends with ctx and with the plugin's process. fn must not keep the client.
func (s *Supervisor) Call(ctx context.Context, fn func(context.Context, *contract.Client) error) error {
	defer s.inFlight.Add(-1)
	if n := s.inFlight.Add(1); n > int64(s.opt.MaxCalls) {
		return fault.New(fault.Busy, "plugin %q has %d calls already", s.name, s.opt.MaxCalls)
	}
	g, err := s.lent(ctx, (*generation).borrow)
	if err != nil {
		return err
	}
	defer g.release()
	if err = g.call(ctx, fn); err == nil {
		g.served.Store(true)
	}
	return err
}

// Ask is Call for a question about the plugin itself: it waits for nothing, is not counted among the calls, and is
// fault.Unavailable unless the plugin is ready.
func (s *Supervisor) Ask(ctx context.Context, fn func(context.Context, *contract.Client) error) error {
	v := s.view.Load()
	if v.gen == nil || !v.gen.borrow() {
		return fault.New(fault.Unavailable, "plugin %q is %s", s.name, v.status.State)
	}
	defer v.gen.release()
	return v.gen.call(ctx, fn)
}

// patience is how many starts in a row may fail before callers no longer wait for the next.
const patience = 5

// lent waits for a generation that take accepts.
func (s *Supervisor) lent(ctx context.Context, take func(*generation) bool) (*generation, error) {
	for {
		v := s.view.Load()
		st := v.status
		switch {
		case v.gen != nil && take(v.gen):
			return v.gen, nil
		case st.State == Failed, st.State == Stopped, v.ending:
			return nil, fault.New(fault.Unavailable, "plugin %q is %s", st.Name, st.State)
		case v.gen == nil && st.Failures >= patience:
			return nil, fault.New(fault.Unavailable, "plugin %q does not start; it is tried again", st.Name)
		}
		select {
		case <-v.next:
		case <-ctx.Done():
			return nil, fault.New(fault.Unavailable, "plugin %q is still %s: %w", st.Name, st.State, ctx.Err())
		}
	}
}
