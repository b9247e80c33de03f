package token

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// connection is one way to a logged-in token.
type connection struct {
	slot   uint
	anchor pkcs11.SessionHandle // kept open and unused: a login lasts while one session is open
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
	c := &connecting{done: make(chan struct{})}
	t.connecting = c
	stale := t.stale
	t.stale = nil
	t.mu.Unlock()
	t.closeSessions(stale)
	made, err := t.connect()
	t.mu.Lock()
	t.connecting, c.err = nil, err
	close(c.done)
	if err != nil {
		if errors.Is(err, ErrPIN) {
			t.refusal = err
		}
		return err
	}
	t.connection, t.connected = made, true
	return nil
}

// connect finds the token, opens the anchor session and logs in.
func (t *Token) connect() (c connection, err error) {
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
	return connection{slot, anchor}, nil
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

// disconnect ends a generation: its handles are forgotten, and its sessions left to whoever connects next or closes
// the token. Only the first to notice does it.
func (t *Token) disconnect(generation uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.generation != generation || !t.connected {
		return
	}
	for _, s := range t.idle {
		t.stale = append(t.stale, s.handle)
	}
	t.stale = append(t.stale, t.anchor)
	t.idle, t.connected = nil, false
	t.generation++
	clear(t.handles)
}

// closeSessions closes what may be long gone: errors are of no interest.
func (t *Token) closeSessions(handles []pkcs11.SessionHandle) {
	for _, h := range handles {
		_ = t.module.lib.CloseSession(h)
	}
}
