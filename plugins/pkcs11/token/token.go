package token

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

const (
	// DefaultSessions serves a node well: measured tokens gain little from more than a few.
	DefaultSessions = 4
	// MaxSessions bounds what a configuration may ask for.
	MaxSessions = 64

	// drainTime is how long Close waits for sessions that are still lent.
	drainTime = 2 * time.Second
)

// Options say which token to use. One of Label and Serial is required; where both are given both must match.
type Options struct {
	Module   string        // absolute path of the PKCS#11 library
	Label    string        // CKA_LABEL of the token, without trailing blanks
	Serial   string        // the token's serial number
	PIN      *secret.Bytes // the user PIN; Open keeps its own copy
	Sessions int           // sessions lent at once, 1…MaxSessions; 0 means DefaultSessions
	// Stuck is called when the token was lost and the library does not find it again in this process (ErrStuck), so
	// that the process can end and a new one begin. It may be nil, and may not return.
	Stuck func(error)
}

// Token is an open, logged-in token. It is safe for concurrent use.
type Token struct {
	options Options
	module  *module
	lent    chan struct{} // holds one entry for every session that is lent

	mu         sync.Mutex // guards what follows; never held across a call into the module
	closed     bool
	connecting *connecting // under way; nil if none
	connected  bool
	connection        // while connected
	generation uint64 // counts connections: a session or handle of another generation is stale
	idle       []*Session
	handles    map[Query]Object // of this generation
	stale      []handle         // sessions of former generations, to be closed
	refusal    error            // a login that was refused for its PIN; permanent
	opened     bool             // Open has succeeded
	losses     int              // in a row, without an operation that worked in between
	since      time.Time        // the first of them
	retry      time.Time        // no attempt to connect before that
	failure    error            // of the last attempt; nil once an operation worked
	doubted    bool             // the module is initialised anew before the token is connected to
}

// Open loads the module, finds the token and logs in. A wrong PIN is tried once: the error is ErrPIN of kind denied.
func Open(ctx context.Context, o Options) (*Token, error) {
	if o.Label == "" && o.Serial == "" {
		return nil, fault.New(fault.Invalid, "pkcs11: open a token: neither label nor serial number given")
	}
	if o.Sessions == 0 {
		o.Sessions = DefaultSessions
	}
	if o.Sessions < 1 || o.Sessions > MaxSessions {
		return nil, fault.New(fault.Invalid, "pkcs11: open a token: expected 1 to %d sessions, found %d", MaxSessions, o.Sessions)
	}
	if o.PIN.Len() == 0 {
		return nil, fault.New(fault.Invalid, "pkcs11: open a token: no PIN given")
	}
	o.PIN = secret.Copy(o.PIN.Open())
	m, err := loadModule(o.Module)
	if err != nil {
		o.PIN.Clear()
		return nil, err
	}
	t := &Token{options: o, module: m, lent: make(chan struct{}, o.Sessions), handles: map[Query]Object{}}
	check := func(s *Session) (struct{}, error) { return struct{}{}, s.Check() }
	_, err = Use(ctx, t, check)
	if Lost(err) {
		// Another process may have connected at the same moment: see exclusion.
		release := t.Exclusive()
		_, err = Use(ctx, t, check)
		release()
	}
	if err != nil {
		// What goes wrong in clearing up would only hide why; and a module that hangs is not waited for.
		select {
		case <-t.end():
		case <-ctx.Done():
		}
		return nil, err
	}
	t.mu.Lock()
	t.opened = true
	t.mu.Unlock()
	return t, nil
}

// Close gives the token back and clears the PIN. Sessions still lent get a moment to come back. If one does not, the
// error is of kind busy and the rest is done when it has: to finalise a module under a running call crashes some.
func (t *Token) Close() error {
	select {
	case err := <-t.end():
		return err
	case <-time.After(drainTime):
		return fault.New(fault.Busy, "pkcs11: close %s: a call is still in the module", t)
	}
}

// end lends no session any more, and gives the token back when every one has returned: what went wrong is sent then.
// A second call does nothing.
func (t *Token) end() <-chan error {
	ended := make(chan error, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		ended <- nil
		return ended
	}
	t.closed = true
	go func() {
		for range cap(t.lent) {
			t.lent <- struct{}{}
		}
		t.disconnect(t.currentGeneration(), false)
		t.closeSessions(t.stale) // nobody else is left
		t.options.PIN.Clear()
		ended <- t.module.release()
	}()
	return ended
}

// String names the token for messages.
func (t *Token) String() string { return t.options.name() }

func (o Options) name() string {
	switch {
	case o.Serial == "":
		return fmt.Sprintf("token %q", o.Label)
	case o.Label == "":
		return fmt.Sprintf("token with serial number %q", o.Serial)
	}
	return fmt.Sprintf("token %q with serial number %q", o.Label, o.Serial)
}

// match tells whether the options mean this token.
func (o Options) match(in pkcs11.TokenInfo) bool {
	return in.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 &&
		(o.Label == "" || in.Label == o.Label) && (o.Serial == "" || in.SerialNumber == o.Serial)
}

// find returns the one slot whose token the options mean.
func (m *module) find(o Options) (slot uint, info pkcs11.TokenInfo, err error) {
	slots, err := m.slots()
	if err != nil {
		return 0, info, err
	}
	var matches, others []string
	for id, in := range slots {
		if in.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue
		}
		if !o.match(in) {
			others = append(others, fmt.Sprintf("%q", in.Label))
			continue
		}
		matches = append(matches, in.SerialNumber)
		slot, info = id, in
	}
	slices.Sort(others)
	slices.Sort(matches)
	switch {
	case len(matches) == 1:
		return slot, info, nil
	case len(matches) > 1:
		return 0, info, fault.New(fault.Invalid, "pkcs11: find %s: %d tokens match; choose by serial number: %s",
			o.name(), len(matches), strings.Join(matches, ", "))
	case len(others) > 0:
		return 0, info, fault.New(fault.Unavailable, "pkcs11: find %s: not present; %s has %s", o.name(), m.path, strings.Join(others, ", "))
	}
	return 0, info, fault.New(fault.Unavailable, "pkcs11: find %s: not present; %s has no initialised token", o.name(), m.path)
}
