package token

import (
	"sync"
	"time"
)

// gate lets any number of calls into the module, or one that initialises it anew: to finalise a module under a running
// call crashes some.
type gate struct {
	mu      sync.Mutex
	inside  int
	shut    bool
	changed chan struct{} // closed when inside or shut has changed; nil while nobody waits
}

// enter waits until the gate is open, and keeps it from being shut until leave.
func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.shut {
		g.wait(nil)
	}
	g.inside++
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.notify()
}

// close shuts the gate and waits until nobody is inside. After the limit it opens it again and returns false.
func (g *gate) close(limit time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	end := time.NewTimer(limit)
	defer end.Stop()
	g.shut = true
	for g.inside > 0 {
		if !g.wait(end.C) {
			g.shut = false
			g.notify()
			return false
		}
	}
	return true
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
	g.notify()
}

// wait lets go of the lock until something has changed; false: the end came first.
func (g *gate) wait(end <-chan time.Time) bool {
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	select {
	case <-changed:
		return true
	case <-end:
		return false
	}
}

func (g *gate) notify() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}
