package server

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

// maxRemotes bounds the addresses whose failures are remembered.
const maxRemotes = 16384

// throttle slows down whoever fails often: an address has Failures in hand, and
// gets one back after each time of Forgive. It costs a success nothing.
type throttle struct {
	limits Limits
	now    func() time.Time

	mu    sync.Mutex // guards until
	until map[string]time.Time
}

func newThrottle(l Limits, now func() time.Time) *throttle {
	return &throttle{limits: l, now: now, until: map[string]time.Time{}}
}

// An address's failures are kept as the time when all are forgotten: so many
// times of Forgive from now were so many failures.

// check refuses an address that has no failure left.
func (t *throttle) check(remote string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := time.Duration(t.limits.Failures) * t.limits.Forgive
	switch left := t.until[remote].Sub(t.now()); {
	case left > 2*all:
		delete(t.until, remote) // a clock was set back
	case left > all-t.limits.Forgive:
		return fault.New(fault.Busy, "too many failures from your address; try again later")
	}
	return nil
}

// charge counts a failure.
func (t *throttle) charge(remote string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	until, known := t.until[remote]
	if !known && len(t.until) >= maxRemotes {
		t.forget(now)
	}
	if until.Before(now) {
		until = now
	}
	t.until[remote] = until.Add(t.limits.Forgive)
}

// forget makes room: all that is forgiven goes, else whatever comes first.
func (t *throttle) forget(now time.Time) {
	for remote, until := range t.until {
		if !now.Before(until) {
			delete(t.until, remote)
		}
	}
	for remote := range t.until {
		if len(t.until) < maxRemotes {
			return
		}
		delete(t.until, remote)
	}
}

// remoteOf is whom a request is from: an IPv4 address, or an IPv6 network of the
// size that one customer has.
func remoteOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if a = a.Unmap().WithZone(""); a.Is6() && !a.IsLoopback() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
