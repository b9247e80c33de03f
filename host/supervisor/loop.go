package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

// spared is how many times in a row a plugin may end soon after it was ready and be started again at once. Each
// further time counts as a start that failed.
const spared = 3

// loop owns the plugin's state until ctx ends.
func (s *Supervisor) loop(ctx context.Context, done chan struct{}) {
	defer close(done)
	defer s.leaving.Wait()
	defer s.publish(func(v *view) {
		v.status.State, v.status.PID, v.status.Failures, v.intake, v.ending = Stopped, 0, 0, nil, false
	})
	// Starts that never became ready, in a row, and ends soon after one that did.
	for failures, falls := 0, 0; ctx.Err() == nil; {
		g, w, err := s.bringUp(ctx, failures+counted(falls))
		asked := false
		switch {
		case err == nil:
			failures = 0
			for next := g; next != nil; {
				g = next
				began := time.Now()
				var reason string
				reason, next, w = s.serve(ctx, g, w)
				falls = s.fallen(falls, g, reason, time.Since(began))
			}
			if n := counted(falls); n > 0 {
				asked = s.rest(ctx, w, n)
			}
		case ctx.Err() != nil:
		default:
			failures++
			asked = s.setBack(ctx, w, err, failures+counted(falls))
		}
		if asked {
			failures, falls = 0, 0
		}
	}
}

// counted is how many of the falls count as starts that failed.
func counted(falls int) int { return max(0, falls-spared) }

// fallen is the number of falls after another process ended, for a reason; without one it was ended on purpose.
func (s *Supervisor) fallen(falls int, g *generation, reason string, lived time.Duration) int {
	switch {
	case reason == "", lived >= s.opt.SteadyAfter:
		return 0
	case g.served.Load() && g.program.proc.exit.byHand():
		// Another's doing, which says nothing against the plugin: those it works for do not wait long.
		return min(falls, spared) + 1
	}
	return falls + 1
}

// rest waits after a plugin has not stayed ready, as setBack does after a failed start.
func (s *Supervisor) rest(ctx context.Context, w *wish, failures int) (asked bool) {
	s.publish(func(v *view) {
		v.status.State, v.status.Failures = Backoff, failures
		v.failure = fault.New(fault.Unavailable, "%s", v.status.Reason)
	})
	wait := s.backoff(failures)
	s.log.Warn("the plugin does not stay ready", "failures", failures, "again_in", wait.Round(time.Millisecond))
	return s.pause(ctx, w, wait)
}

// bringUp starts the plugin once, after so many failures, as is wished now.
func (s *Supervisor) bringUp(ctx context.Context, failures int) (*generation, *wish, error) {
	w := s.wish.Load()
	s.publish(func(v *view) {
		v.status.State, v.status.Failures = Starting, failures
		v.status.Type, v.status.Pinned = w.spec.Type, w.spec.SHA256 != ""
		v.status.Starts++
		if v.number != w.number {
			v.number, v.failure = w.number, nil
		}
	})
	g, err := start(ctx, w.spec, func(g *generation) {
		s.publish(func(v *view) {
			v.status.State, v.status.SHA256, v.status.PID, v.intake = Configuring, g.digest, g.program.proc.pid, g.program.intake
		})
	})
	if err != nil {
		s.publish(func(v *view) {
			v.status.PID, v.intake = 0, nil
			if g.digest != "" {
				v.status.SHA256 = g.digest
			}
		})
	}
	return g, w, err
}

// setBack waits after a failed start: for its back-off, or until something else is wished, which it tells.
func (s *Supervisor) setBack(ctx context.Context, w *wish, err error, failures int) (asked bool) {
	reason := err.Error()
	var lines []string
	var se *StartError
	if errors.As(err, &se) {
		reason, lines = se.Err.Error(), se.Lines
	}
	reason = clip(clean(reason), 2*maxKept)
	state := Backoff
	if final(err) {
		state = Failed
	}
	s.publish(func(v *view) {
		v.status.State, v.status.Reason, v.status.LastLines, v.status.Failures = state, reason, lines, failures
		v.failure = failure(err, reason)
	})
	if state == Failed {
		s.log.Error("the plugin has failed and is not started again", "reason", reason)
		return s.await(ctx, w, nil)
	}
	wait := s.backoff(failures)
	s.log.Warn("the plugin did not start", "reason", reason, "failures", failures, "again_in", wait.Round(time.Millisecond))
	return s.pause(ctx, w, wait)
}

// failure is reason with the kind of err. An internal error of a plugin is none of the host's.
func failure(err error, reason string) error {
	kind := fault.Of(err)
	if kind == fault.Internal {
		kind = fault.Unavailable
	}
	return fault.New(kind, "%s", reason)
}

// backoff is full jitter: anything up to a limit that doubles with each failure.
func (s *Supervisor) backoff(failures int) time.Duration {
	limit := s.opt.BackoffMax
	if shift := failures - 1; shift < 20 {
		limit = min(limit, s.opt.BackoffMin<<shift)
	}
	return rand.N(limit + 1)
}

// pause waits, until Restart and Stop end it; it tells whether something else is wished.
func (s *Supervisor) pause(ctx context.Context, w *wish, d time.Duration) (asked bool) {
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	return s.await(ctx, w, timer.C)
}

// await waits for another wish than w, for a timer or for Stop, and tells whether it was the wish.
func (s *Supervisor) await(ctx context.Context, w *wish, timer <-chan time.Time) (asked bool) {
	for s.wish.Load() == w {
		select {
		case <-timer:
			return false
		case <-s.wished:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// serve lends a ready plugin to callers until it ends or has to end. Nothing is left of it then, but where another has
// taken its place, which is returned with its wish. The reason is empty where it was ended for Stop, Restart or Renew.
func (s *Supervisor) serve(ctx context.Context, g *generation, w *wish) (reason string, next *generation, _ *wish) {
	s.publish(func(v *view) {
		v.status.State, v.status.Failures, v.gen = Ready, 0, g
		v.status.Before, v.status.Reason, v.status.LastLines = v.status.Reason, "", nil
	})
	s.log.Info("the plugin is ready", "pid", g.program.proc.pid)
	health := time.NewTicker(s.opt.HealthEvery)
	defer health.Stop()
	// One trial at a time is under way.
	trials := s.trials
	var made <-chan attempt
	abandon := func() {}
	defer func() { abandon() }()
	for misses := 0; ; {
		if s.wish.Load() != w {
			s.retire(g, nil)
			return "", nil, w
		}
		select {
		case <-ctx.Done():
			s.retire(g, context.Cause(ctx))
			return "", nil, w
		case <-s.wished:
			continue
		case t := <-trials:
			trials = nil
			made, abandon = s.contend(ctx, t)
			continue
		case a := <-made:
			trials, made, abandon = s.trials, nil, func() {}
			old := g
			if a.inUse() {
				a, old = s.replace(ctx, a.trial, g), nil
			}
			if a.err == nil {
				return "", a.g, s.succeed(a, old)
			}
			a.refuse()
			if old == nil {
				return "", nil, w
			}
			continue
		case <-g.gone:
			how, words := g.end()
			return s.bury(g, "the plugin "+how+words), nil, w
		case <-health.C:
		}
		if s.ping(ctx, g) {
			misses = 0
		} else if misses++; misses >= s.opt.HealthMisses {
			reason := fmt.Sprintf("it missed %d health checks", misses)
			g.program.proc.signal(syscall.SIGKILL, reason)
			return s.bury(g, "the plugin was killed by this host ("+reason+")"), nil, w
		}
	}
}

// ping says whether the plugin answered; true, too, when the answer no longer matters.
func (s *Supervisor) ping(ctx context.Context, g *generation) bool {
	limited, cancel := context.WithTimeout(ctx, s.opt.HealthTimeout)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	err := g.client.Ping(limited)
	return err == nil || ctx.Err() != nil || g.life.Err() != nil
}

// bury clears up after a process that ended, or was killed, on its own account, for the reason that it returns.
func (s *Supervisor) bury(g *generation, reason string) string {
	s.log.Error("a plugin in service ended and is started again", "reason", reason)
	s.publish(func(v *view) {
		v.status.State, v.status.Reason, v.status.LastLines = Starting, clip(clean(reason), 2*maxKept), g.program.intake.last()
		v.status.PID, v.intake = 0, nil
	})
	g.discard(reason)
	s.publish(func(v *view) { v.status.LastLines = g.program.intake.last() })
	return reason
}

// retire drains a plugin and ends it, because of Stop (cause is a stopping) or Restart.
func (s *Supervisor) retire(g *generation, cause error) {
	limit := context.Background()
	why := "it was being restarted"
	var st stopping
	if errors.As(cause, &st) {
		limit, why = st.ctx, "it was being stopped"
	}
	s.publish(func(v *view) {
		v.status.State, v.ending = Draining, cause != nil
		v.status.Reason, v.status.LastLines = "", nil
	})
	drain, cancel := context.WithTimeout(limit, s.opt.Drain)
	defer cancel()
	g.drain(drain)
	g.shutdown(limit, why)
	s.publish(func(v *view) { v.status.PID, v.intake = 0, nil })
	s.log.Info("the plugin was ended", "because", why)
}
