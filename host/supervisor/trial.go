package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// trial is a wish for a process that is to take the place of one that runs, once it has proved that it can.
type trial struct {
	ctx   context.Context // of the caller
	spec  Spec
	prove func(context.Context, *contract.Client) error
	done  chan error // takes the outcome
}

// attempt is a trial with the process that was started for it, or why it was not.
type attempt struct {
	*trial
	g   *generation
	err error
}

// try starts a process for a trial. Its ctx limits the start alone.
func (t *trial) try(ctx context.Context) attempt {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	spec := t.spec
	spec.Prepare = t.prove
	g, err := start(ctx, spec, func(*generation) {})
	return attempt{t, g, err}
}

// inUse says that the process found in use what it needs.
func (a attempt) inUse() bool {
	se, ok := errors.AsType[*StartError](a.err)
	return ok && se.prepared && fault.Of(a.err) == fault.Busy
}

// refuse tells the caller why nothing has changed.
func (a attempt) refuse() {
	err := a.err
	if se, ok := errors.AsType[*StartError](err); ok {
		err = failure(se.Err, clip(clean(se.Err.Error()), 2*maxKept))
	}
	a.done <- err
}

// contend starts a process for a trial beside the one that serves. What it made comes on the channel; abandon ends it.
func (s *Supervisor) contend(ctx context.Context, t *trial) (made <-chan attempt, abandon func()) {
	ctx, cancel := context.WithCancel(ctx)
	result := make(chan attempt, 1)
	go func() { result <- t.try(ctx) }()
	return result, func() {
		cancel()
		a := <-result
		if a.err == nil {
			a.g.shutdown(context.Background(), "the plugin that it was to replace has ended")
		}
		a.done <- fault.New(fault.Unavailable, "plugin %q has ended or was restarted meanwhile", s.name)
	}
}

// succeed has the process of a trial take the place of the one that serves, which is drained and ended. Where the
// two could not be there at once it has ended already.
func (s *Supervisor) succeed(a attempt, old *generation) *wish {
	s.wishing.Lock()
	w := &wish{number: s.wish.Load().number + 1, spec: a.spec}
	s.wish.Store(w)
	s.wishing.Unlock()
	s.publish(func(v *view) {
		v.number, v.intake, v.gen = w.number, a.g.program.intake, a.g
		v.status.State, v.status.Type, v.status.Pinned = Ready, a.spec.Type, a.spec.SHA256 != ""
		v.status.SHA256, v.status.PID = a.g.digest, a.g.program.proc.pid
		v.status.Starts++
	})
	s.leaving.Go(func() {
		if old != nil {
			drain, cancel := context.WithTimeout(context.Background(), s.opt.Drain)
			defer cancel()
			old.drain(drain)
			old.shutdown(context.Background(), "another has taken its place")
		}
		a.done <- nil
	})
	return w
}

// replace ends the process that serves and then starts that of a trial: for what only one process can use at a time.
// Where that fails, nothing serves.
func (s *Supervisor) replace(ctx context.Context, t *trial, old *generation) attempt {
	s.retire(old, nil)
	s.publish(func(v *view) { v.status.State = Starting })
	return t.try(ctx)
}

// Renew has a process of another Spec of the same name take the place of the one that runs, and returns when it has.
// prove is its Prepare this once. The process that runs goes on until the other has proved itself, and serves on where
// the other fails, of which the error is the reason. Only where the other finds in use what it needs (fault.Busy) does
// the one that runs end first; it is started again as it was where the other fails all the same.
//
// Where none runs, it is Restart with that Spec, and waits until a process is ready. Its error is then the reason why
// the start failed, as of Failure, at once where another could not help, else when ctx ends; then it goes on being tried.
func (s *Supervisor) Renew(ctx context.Context, spec Spec, prove func(context.Context, *contract.Client) error) error {
	spec = spec.withDefaults()
	if err := spec.check(); err != nil {
		return err
	}
	t := &trial{ctx: ctx, spec: spec, prove: prove, done: make(chan error, 1)}
	for {
		v := s.view.Load()
		var trials chan<- *trial
		switch {
		case v.status.State == Stopped, v.ending:
			return fault.New(fault.Conflict, "plugin %q is stopped", s.name)
		case v.gen != nil && v.gen.sound():
			trials = s.trials
		case v.status.State == Backoff, v.status.State == Failed, v.status.Failures > 0:
			return s.restartAs(ctx, spec)
		}
		select {
		case trials <- t:
			if err := <-t.done; err != nil {
				return fmt.Errorf("plugin %q is left as it is: %w", s.name, err)
			}
			s.warnUnpinned(spec)
			return nil
		case <-v.next:
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "plugin %q is still %s", s.name, v.status.State)
		}
	}
}

// restartAs is Renew of a plugin that does not run.
func (s *Supervisor) restartAs(ctx context.Context, spec Spec) error {
	number, err := s.ask(func(Spec) Spec { return spec })
	if err != nil {
		return err
	}
	s.warnUnpinned(spec)
	for {
		v := s.view.Load()
		switch {
		case v.status.State == Stopped, v.ending:
			return fault.New(fault.Unavailable, "plugin %q is stopped", s.name)
		case v.number < number: // what ran before, or was being started
		case v.gen != nil && v.gen.sound():
			return nil
		case v.status.State == Failed:
			return v.failure
		}
		select {
		case <-v.next:
		case <-ctx.Done():
			if v.number >= number && v.failure != nil {
				return fmt.Errorf("plugin %q is not ready yet, and goes on being started: %w", s.name, v.failure)
			}
			return fault.New(fault.Unavailable, "plugin %q is still %s", s.name, v.status.State)
		}
	}
}
