// Package health collects the reasons why a node should not be sent work.
//
//	board := health.New()
//	board.Report("store", err)         // nil: the part works again
//	board.Doubt("audit log", err)      // not ready, and takes no new orders
//	err := board.Ready()               // every reason, for GET /v1/status
//	err = board.Accepting()            // the doubts only, before an order is taken
//
// A part that is reported makes the node not ready: a load balancer should pass
// it by. A part in doubt also stops new orders, networks and requests, since
// what the node would promise could not be relied on (promise P4). Redemptions
// go on: the principals' secrets are worth more than the node's good order.
package health

import (
	"fmt"
	"slices"
	"sync"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Board holds the newest state of every part of a node that has been unwell. It
// is safe for concurrent use.
type Board struct {
	mu    sync.Mutex
	parts map[string]state
}

type state struct {
	err   error
	doubt bool
}

// New returns a board on which everything is well.
func New() *Board { return &Board{parts: map[string]state{}} }

// Report records that a part works (nil), or why it does not.
func (b *Board) Report(part string, err error) { b.set(part, state{err: err}) }

// Doubt records that a part cannot be relied on, so that the node must take no
// new orders; nil ends the doubt.
func (b *Board) Doubt(part string, err error) { b.set(part, state{err, true}) }

func (b *Board) set(part string, s state) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.err == nil {
		delete(b.parts, part)
		return
	}
	b.parts[part] = s
}

// Ready returns nil while every part works, else one error with every reason, in
// the order of the parts' names. Its kind is fault.Unavailable.
func (b *Board) Ready() error { return b.reasons(func(state) bool { return true }) }

// Accepting returns nil while no part is in doubt, else the doubts as one
// fault.Unavailable.
func (b *Board) Accepting() error { return b.reasons(func(s state) bool { return s.doubt }) }

func (b *Board) reasons(counts func(state) bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for name, s := range b.parts {
		if counts(s) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []error
	for _, name := range names {
		all = append(all, fmt.Errorf("%s: %w", name, b.parts[name].err))
	}
	if len(all) == 0 {
		return nil
	}
	return fault.New(fault.Unavailable, "%w", join(all))
}

// join puts several reasons on one line.
func join(all []error) error {
	joined := all[0]
	for _, err := range all[1:] {
		joined = fmt.Errorf("%w; %w", joined, err)
	}
	return joined
}
