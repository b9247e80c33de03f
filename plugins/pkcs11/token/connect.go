package token

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// connection is one way to a logged-in token.
type connection struct {
	slot   uint
	epoch  uint64               // of the module
	anchor pkcs11.SessionHandle // kept open and unused: a login lasts while one session is open
}

// handle is a session that is left over.
type handle struct {
	session pkcs11.SessionHandle
	epoch   uint64
}

// connecting is an attempt under way; all who need the connection share its outcome, and the PIN is tried once.
type connecting struct {
	done chan struct{} // closed at the end
	err  error         // written before done is closed
}

// connectOnce connects, or waits for an attempt under way. Called with t.mu held, which it lets go while it waits.
func (t *Token) connectOnce() error {
	if t.refusal != nil {
		return t.refusal
	}
	if c := t.connecting; c != nil {
		t.mu.Unlock()
		<-c.done
		t.mu.Lock()
		return c.err
	}
	if wait := time.Until(t.retry); wait > 0 && t.failure != nil {
		return fault.New(fault.Unavailable, "%w; tried again in %s", t.failure, wait.Round(time.Millisecond))
	}
	c := &connecting{done: make(chan struct{})}
	t.connecting = c
	stale, doubted := t.stale, t.doubted
	t.stale = nil
	t.mu.Unlock()
	t.closeSessions(stale)
	made, err := t.connect(doubted)
	t.mu.Lock()
	t.connecting, c.err = nil, err
	close(c.done)
	if err != nil {
		t.failed(err)
		return err
	}
	t.connection, t.connected = made, true
	return nil
}

// failed notes an attempt that came to nothing. Called with t.mu held.
func (t *Token) failed(err error) {
	if errors.Is(err, ErrPIN) {
		t.refusal = err
		return
	}
	t.failure = err
	t.lose()
	if unwell(err) && time.Since(t.since) > stuckAfter {
		err = fault.New(fault.Unavailable, "%w: %w", ErrStuck, err)
	}
	if errors.Is(err, ErrStuck) && t.options.Stuck != nil && t.opened {
		t.options.Stuck(err)
	}
}

// connect connects; where that fails for want of the token, or the token is doubted, it has the module initialised anew
// first.
func (t *Token) connect(doubted bool) (connection, error) {
	defer t.module.exclusion.enter()()
	epoch := t.module.epoch.Load()
	if !doubted {
		c, err := t.reach()
		if err == nil || !unwell(err) {
			return c, err
		}
	}
	if err := t.module.renew(epoch); err != nil {
		return connection{}, err
	}
	return t.reach()
}

// reach finds the token, opens the anchor session and logs in.
func (t *Token) reach() (c connection, err error) {
	t.module.gate.enter()
	defer t.module.gate.leave()
	slot, info, err := t.module.find(t.options)
	if err != nil {
		return c, err
	}
	anchor, err := t.module.lib.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return c, failed(err, fmt.Sprintf("open a session with %s", t), "")
	}
	if err := t.login(anchor, info); err != nil {
		_ = t.module.lib.CloseSession(anchor)
		return c, err
	}
	return connection{slot, t.module.epoch.Load(), anchor}, nil
}

// login makes at most one attempt, and none where a mistake could be the last one allowed.
func (t *Token) login(session pkcs11.SessionHandle, info pkcs11.TokenInfo) error {
	if info.Flags&pkcs11.CKF_LOGIN_REQUIRED == 0 {
		return nil
	}
	refuse := func(why string) error {
		return fault.New(fault.Denied, "pkcs11: log in to %s: %w", t, fmt.Errorf("%w: %s", ErrPIN, why))
	}
	switch {
	case info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return refuse("the PIN is locked; unlock it with the security officer's PIN")
	case info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return refuse("one more wrong PIN locks the token; log in once by other means to show that the PIN is right")
	case t.module.hasRefused(info.SerialNumber, t.options.PIN):
		return refuse("it was refused before, and is not tried again")
	}
	err := t.module.lib.Login(session, pkcs11.CKU_USER, text(t.options.PIN))
	var code pkcs11.Error
	switch {
	case err == nil, errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)):
		return nil
	case errors.As(err, &code) && refusesPIN(uint(code)):
		t.module.rememberRefusal(info.SerialNumber, t.options.PIN)
		return refuse(codeName(uint(code)))
	}
	return failed(err, fmt.Sprintf("log in to %s", t), "")
}

// text shows the secret's own bytes as a string, without a copy that could not be cleared.
func text(s *secret.Bytes) string {
	b := s.Open()
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (t *Token) currentGeneration() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

// disconnect ends a generation. Only the first to notice does it. A token that was lost, and not just its sessions,
// counts as a loss.
func (t *Token) disconnect(generation uint64, lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.generation != generation || !t.connected {
		return
	}
	t.endGeneration()
	if lost {
		t.lose()
		t.doubted = t.losses > 1
	}
}

// endGeneration forgets a generation's handles, and leaves its sessions to whoever connects next or closes the token.
// Called with t.mu held.
func (t *Token) endGeneration() {
	for _, s := range t.idle {
		t.stale = append(t.stale, handle{s.handle, s.epoch})
	}
	t.stale = append(t.stale, handle{t.anchor, t.epoch})
	t.idle, t.connected = nil, false
	t.generation++
	clear(t.handles)
}

// closeSessions closes what may be long gone: errors are of no interest. Handles from before the module was initialised
// anew may be those of others by now.
func (t *Token) closeSessions(handles []handle) {
	t.module.gate.enter()
	defer t.module.gate.leave()
	for _, h := range handles {
		if h.epoch == t.module.epoch.Load() {
			_ = t.module.lib.CloseSession(h.session)
		}
	}
}
