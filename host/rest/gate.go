package rest

import (
	"context"

	"github.com/milagro-dta/dta/protocol/fault"
)

// How many calls of other nodes are worked on at once, and how many may wait:
// as many as one peer opens connections, so that an honest one is not turned
// away because it is alone.
const (
	nodesAtWork  = 16
	nodesWaiting = 256
)

// gate bounds the calls that are worked on. Each costs signature checks before
// it is known whether it deserves them.
type gate struct {
	admitted chan struct{} // at work or waiting
	atWork   chan struct{}
}

func newGate(atWork, waiting int) *gate {
	return &gate{admitted: make(chan struct{}, atWork+waiting), atWork: make(chan struct{}, atWork)}
}

// enter waits for a place until ctx ends; leave gives it back. It is Busy where
// too many wait already.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.admitted <- struct{}{}:
	default:
		return nil, fault.New(fault.Busy, "this node has as many calls as it takes; try again")
	}
	select {
	case g.atWork <- struct{}{}:
		return func() { <-g.atWork; <-g.admitted }, nil
	case <-ctx.Done():
		<-g.admitted
		return nil, fault.New(fault.Deadline, "wait for other calls to end: %w", ctx.Err())
	}
}
