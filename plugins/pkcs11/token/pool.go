package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Use lends fn a session and returns what fn returns.
//
// fn runs in a goroutine of its own, because a call into a module cannot be interrupted: when ctx ends first, Use
// returns and fn is left to finish, its result dropped. So fn must not touch what its caller changes or clears
// afterwards, and it may be called a second time, when the first found its session stale.
func Use[T any](ctx context.Context, t *Token, fn func(*Session) (T, error)) (T, error) {
	var none T
	select {
	case t.lent <- struct{}{}:
	default:
		select {
		case t.lent <- struct{}{}:
		case <-ctx.Done():
			return none, t.noSession(ctx.Err())
		}
	}
	if err := ctx.Err(); err != nil {
		<-t.lent
		return none, t.noSession(err)
	}

	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-t.lent }()
		value, err := attempt(t, fn)
		if code, ok := Code(err); ok && staleSession(code) && ctx.Err() == nil {
			value, err = attempt(t, fn)
		}
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, fault.New(fault.Of(ctx.Err()), "pkcs11: wait for %s to answer: %w", t, ctx.Err())
	}
}

// noSession explains why none was lent: a deadline that passed in the queue means that all sessions were busy.
func (t *Token) noSession(err error) error {
	kind := fault.Of(err)
	if errors.Is(err, context.DeadlineExceeded) {
		kind = fault.Busy
	}
	return fault.New(kind, "pkcs11: wait for one of %d sessions with %s: %w", cap(t.lent), t, err)
}

// attempt borrows a session for one run of fn.
func attempt[T any](t *Token, fn func(*Session) (T, error)) (value T, err error) {
	s, err := t.borrow()
	if err != nil {
		return value, err
	}
	defer func() {
		// A panic in fn is a bug of this process; in this goroutine it would be the end of it.
		if p := recover(); p != nil {
			err = fault.New(fault.Internal, "pkcs11: use %s: panic: %v", t, p)
		}
		t.giveBack(s, err)
	}()
	return fn(s)
}

// borrow takes an idle session or opens one, connecting first where needed. No lock is held while the module works: it
// may never return. The module's gate is entered for the one who borrows, until giveBack.
func (t *Token) borrow() (*Session, error) {
	for {
		c, generation, err := t.connectedAs()
		if err != nil {
			return nil, err
		}
		t.module.gate.enter()
		s, err := t.open(c, generation)
		if s != nil {
			return s, nil
		}
		t.module.gate.leave()
		if err != nil {
			return nil, err
		}
		// Meanwhile the token was found to be lost.
	}
}

// connectedAs returns the connection, made if need be, and its generation.
func (t *Token) connectedAs() (connection, uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.connected && !t.closed {
		if err := t.connectOnce(); err != nil {
			return connection{}, 0, err
		}
	}
	if t.closed {
		return connection{}, 0, fault.New(fault.Unavailable, "pkcs11: use %s: it is closed", t)
	}
	return t.connection, t.generation, nil
}

// open returns an idle session of a generation, or a new one; nil where that generation is over.
func (t *Token) open(c connection, generation uint64) (*Session, error) {
	if c.epoch != t.module.epoch.Load() {
		t.disconnect(generation, false) // another user of the module had it initialised anew
		return nil, nil
	}
	if s, ok := t.takeIdle(generation); s != nil || !ok {
		return s, nil
	}
	opened, err := t.module.lib.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		err = failed(err, fmt.Sprintf("open a session with %s", t), "")
		if code, ok := Code(err); ok && lostToken(code) {
			t.disconnect(generation, true)
		}
		return nil, err
	}
	if t.currentGeneration() == generation {
		return &Session{token: t, lib: t.module.lib, handle: opened, generation: generation, epoch: c.epoch, slot: c.slot}, nil
	}
	// The slot may hold another token by now.
	_ = t.module.lib.CloseSession(opened)
	return nil, nil
}

// takeIdle returns an idle session, nil if there is none; !ok: the generation is over.
func (t *Token) takeIdle(generation uint64) (s *Session, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.generation != generation || !t.connected {
		return nil, false
	}
	if n := len(t.idle); n > 0 {
		s = t.idle[n-1]
		t.idle = t.idle[:n-1]
	}
	return s, true
}

// giveBack returns a session. One that met an error is closed: the failed operation may still be active in it.
func (t *Token) giveBack(s *Session, err error) {
	defer t.module.gate.leave()
	code, ok := Code(err)
	switch {
	case ok && (staleSession(code) || lostToken(code)):
		t.disconnect(s.generation, lostToken(code))
	case err == nil && !s.broken:
		t.worked()
	}
	if err != nil || s.broken || !t.keepIdle(s) {
		_ = t.module.lib.CloseSession(s.handle)
	}
}

// keepIdle says whether the session was of use to the next.
func (t *Token) keepIdle(s *Session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.generation != t.generation || !t.connected {
		return false
	}
	t.idle = append(t.idle, s)
	return true
}
