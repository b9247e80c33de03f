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

// borrow takes an idle session or opens one, connecting first where needed. No lock is held while the module works:
// it may never return.
func (t *Token) borrow() (*Session, error) {
	for {
		s, slot, generation, err := t.takeIdle()
		if s != nil || err != nil {
			return s, err
		}
		handle, err := t.module.lib.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			err = failed(err, fmt.Sprintf("open a session with %s", t), "")
			if code, ok := Code(err); ok && lostToken(code) {
				t.disconnect(generation)
			}
			return nil, err
		}
		if t.currentGeneration() == generation {
			return &Session{token: t, lib: t.module.lib, handle: handle, generation: generation}, nil
		}
		// Meanwhile the token was found to be lost: the slot may hold another by now.
		_ = t.module.lib.CloseSession(handle)
	}
}

// takeIdle returns an idle session or, where there is none, the slot to open one with, of this generation.
func (t *Token) takeIdle() (s *Session, slot uint, generation uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.connected {
		if t.closed {
			break
		}
		if err := t.connectOnce(); err != nil {
			return nil, 0, 0, err
		}
	}
	if t.closed {
		return nil, 0, 0, fault.New(fault.Unavailable, "pkcs11: use %s: it is closed", t)
	}
	if n := len(t.idle); n > 0 {
		s = t.idle[n-1]
		t.idle = t.idle[:n-1]
	}
	return s, t.slot, t.generation, nil
}

// giveBack returns a session. One that met an error is closed: the failed operation may still be active in it.
func (t *Token) giveBack(s *Session, err error) {
	if code, ok := Code(err); ok && (staleSession(code) || lostToken(code)) {
		t.disconnect(s.generation)
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
