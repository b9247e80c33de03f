package supervisor

import (
	"slices"
	"time"
)

// State is where a plugin is in its life; see the package's comment.
type State string

const (
	Stopped     State = "stopped"
	Starting    State = "starting"
	Configuring State = "configuring"
	Ready       State = "ready"
	Draining    State = "draining"
	Backoff     State = "backoff"
	Failed      State = "failed"
)

// Status is what an operator wants to know of a plugin.
type Status struct {
	Name  string
	Type  string
	State State
	// Reason says why the plugin is not ready; empty while it is.
	Reason string
	// Before says why the process before this one ended, or did not become ready; empty where nothing went wrong.
	Before string
	// LastLines are the last lines, at most 20, of the process of which Reason speaks; without a Reason, of the
	// one that runs.
	LastLines []string
	// SHA256 is the digest of the program that was found at the last start, in hex; before the first the pinned one.
	SHA256 string
	Pinned bool
	// PID is 0 while no process is connected.
	PID int
	// Starts counts launches; Failures those in a row that did not become ready, or did not stay so; 0 while ready.
	Starts   int
	Failures int
	// Since is when State became what it is.
	Since time.Time
}

// view is one state with what belongs to it. Views are immutable; the supervisor's loop replaces them.
type view struct {
	status  Status
	number  uint64        // of the wish that the newest start fulfils
	failure error         // why the newest start failed; nil once one is under way that was asked for, or succeeded
	gen     *generation   // set while ready
	intake  *intake       // of the process that runs, if one is connected
	ending  bool          // Stop was called: nothing will become ready
	next    chan struct{} // closed when another view has taken this one's place
}

// Status tells how the plugin is.
func (s *Supervisor) Status() Status {
	v := s.view.Load()
	st := v.status
	if st.Reason == "" && v.intake != nil {
		st.LastLines = v.intake.last()
	}
	st.LastLines = slices.Clone(st.LastLines)
	return st
}

// Failure says why the newest start failed, and nil while the plugin is ready or none has failed. Its text is the
// Status's Reason, for the operator and for nobody else; its kind is that of the start that failed, so that a mistake
// in the configuration is told from what may be over the next time.
func (s *Supervisor) Failure() error { return s.view.Load().failure }

// Changed is closed when the plugin's status is no longer what it was when Changed was called.
func (s *Supervisor) Changed() <-chan struct{} { return s.view.Load().next }

// publish replaces the view by a changed copy. Only the loop calls it, and Start and New while there is no loop.
func (s *Supervisor) publish(change func(*view)) {
	old := s.view.Load()
	v := *old
	change(&v)
	if v.status.State != old.status.State {
		v.status.Since = time.Now()
	}
	if v.status.State != Ready {
		v.gen = nil
	}
	switch v.status.State {
	case Ready, Draining, Stopped:
		v.failure = nil
	}
	v.next = make(chan struct{})
	s.view.Store(&v)
	close(old.next)
}
