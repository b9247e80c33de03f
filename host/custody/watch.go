package custody

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

const (
	statusEvery = 10 * time.Second
	statusTime  = 5 * time.Second // for one answer
	statusRest  = time.Second     // between two questions that failed calls have caused
	// maxHung is how many Status calls in a row may hang before the process is
	// replaced, if no other call is answered meanwhile.
	maxHung = 3
)

// NotReady is the state of a plugin whose process runs, and which cannot do its
// work. The other states are those of its process.
const NotReady supervisor.State = "not-ready"

// watch is what is known of how a plugin is, beside its process.
type watch struct {
	nudged chan struct{} // holds a wish to look again

	looking sync.Mutex // held while the plugin is asked and its state reported, and needed for nothing else

	mu      sync.Mutex // guards what follows, and is held for no call
	pid     int        // of the process that trouble is of
	trouble error      // why a process that runs cannot do its work; nil where it can
	hung    int        // Status calls in a row without an answer
	ill     bool       // as last reported
	told    bool       // the log was told of trouble that has not ended
}

func newWatch() watch { return watch{nudged: make(chan struct{}, 1)} }

// nudge has the plugin looked at soon.
func (w *watch) nudge() {
	select {
	case w.nudged <- struct{}{}:
	default: // it is going to be
	}
}

// heard takes note of how a call went.
func (w *watch) heard(err error) {
	switch fault.Of(err) {
	case fault.Unavailable, fault.Deadline, fault.Internal:
		w.nudge()
	case fault.Busy: // it may be the host that says so
	default: // it answered
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hung = 0
	}
}

// State is how the plugin is, and for the operator why it is not ready.
func (i *Instance) State() (supervisor.State, string) {
	p := i.process.Status()
	if p.State != supervisor.Ready {
		return p.State, p.Reason
	}
	i.watch.mu.Lock()
	defer i.watch.mu.Unlock()
	if i.watch.trouble != nil && i.watch.pid == p.PID {
		return NotReady, i.watch.trouble.Error()
	}
	return p.State, ""
}

// Changed is closed when the state of the plugin's process is no longer what it
// was when Changed was called.
func (i *Instance) Changed() <-chan struct{} { return i.process.Changed() }

// MayReturn tells whether a call that ended with err may succeed later, without
// anybody's doing: the plugin goes on being started, or has not refused.
func (i *Instance) MayReturn(err error) bool {
	switch i.process.Status().State {
	case supervisor.Failed, supervisor.Stopped:
		return false
	case supervisor.Ready:
		return !fault.Of(err).Final()
	}
	return true
}

// look watches a plugin until ctx ends: it asks on a schedule, when the state of
// the process has changed, and when a call has failed.
func (i *Instance) look(ctx context.Context) {
	every := i.set.options.StatusEvery
	for {
		changed := i.process.Changed()
		asked := time.Now()
		// Its error is kept, and shown by State.
		_ = i.examine(ctx)
		// Half of the time is random, so that plugins of one token are not asked together.
		if !i.idle(ctx, changed, every/2+rand.N(every/2+1), i.watch.nudged) {
			return
		}
		if !i.idle(ctx, changed, time.Until(asked.Add(min(statusRest, every/2))), nil) {
			return
		}
	}
}

// idle waits for a while, or for a reason to look again; false when ctx has ended.
func (i *Instance) idle(ctx context.Context, changed <-chan struct{}, d time.Duration, nudged <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-nudged:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// examine has a plugin that runs say how it is, and reports its state.
func (i *Instance) examine(ctx context.Context) (err error) {
	i.watch.looking.Lock()
	defer i.watch.looking.Unlock()
	if i.process.Status().State == supervisor.Ready {
		err = i.ask(ctx)
	}
	if ctx.Err() == nil {
		i.report(ctx)
	}
	return err
}

// ask has the plugin say how it is, and keeps the answer.
func (i *Instance) ask(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, i.set.options.StatusTime)
	defer cancel()
	pid := i.process.Status().PID
	err := i.process.Ask(limited, func(ctx context.Context, c *contract.Client) error {
		said, err := c.Plugin.Status(ctx, &contract.StatusRequest{})
		if err != nil {
			return notSaid(err)
		}
		for _, check := range checks {
			if err := check(ctx, i, c, said); err != nil {
				return err
			}
		}
		return nil
	})
	if ctx.Err() != nil || i.process.Status().PID != pid {
		return err // of a process that has ended, or not waited for
	}
	w := &i.watch
	w.mu.Lock()
	w.pid, w.trouble = pid, err
	if w.hung++; !errors.Is(err, errSilent) {
		w.hung = 0
	}
	stuck := w.hung >= maxHung
	if stuck {
		w.hung = 0
	}
	w.mu.Unlock()
	if stuck {
		i.set.options.Log.Error("plugin hangs, its process is replaced", "plugin", i.name, "status_calls", maxHung)
		// It is fault.Conflict where the plugin is being stopped.
		_ = i.process.Restart()
	}
	return err
}

// errSilent is the trouble of a plugin that does not come back from a Status call.
var errSilent = fault.New(fault.Deadline, "it does not answer when it is asked how it is")

// notSaid is why a plugin has not said how it is.
func notSaid(err error) error {
	switch fault.Of(err) {
	case fault.Deadline:
		return errSilent
	case fault.Unsupported:
		return nil // an author may leave the call out
	}
	return fmt.Errorf("it cannot say how it is: %w", err)
}

// report tells the board, where the node needs the plugin, the log, and those that
// wait for a plugin's return.
func (i *Instance) report(ctx context.Context) {
	o := i.set.options
	state, reason := i.State()
	well := state == supervisor.Ready
	if o.Health != nil && slices.Contains(o.Needed, i.name) {
		var err error
		switch {
		case !well:
			err = fault.New(fault.Unavailable, "%s", state)
		case i.Identity() == nil && slices.Contains(o.Enrolled, i.name):
			err = fault.New(fault.Unavailable, "not enrolled")
		}
		o.Health.Report("plugin "+i.name, err)
	}
	w := &i.watch
	w.mu.Lock()
	returned := well && w.ill
	ended, begun := well && w.told, state == NotReady && !w.told
	w.ill, w.told = !well, !well && (w.told || begun)
	w.mu.Unlock()
	if begun {
		o.Log.Warn("plugin not ready", "plugin", i.name, "reason", reason)
	}
	if ended {
		o.Log.Info("plugin ready again", "plugin", i.name)
	}
	if f := i.set.back.Load(); f != nil && returned {
		(*f)(ctx)
	}
}
