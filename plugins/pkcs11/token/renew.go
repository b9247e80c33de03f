package token

import (
	"errors"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Many libraries look for their tokens, or connect to them, in C_Initialize only: a token that was away, or a server
// that was restarted, is of use again once the library has been initialised anew.

// ErrStuck marks an error that only another process can get over: the library cannot be initialised anew in this one.
var ErrStuck = errors.New("the PKCS#11 library does not recover in this process")

// renewPatience bounds the wait for calls that are still in the module.
const renewPatience = 5 * time.Second

// renew finalises the module and initialises it again, unless that was done since epoch. All sessions of all users of
// the module in this process end by it.
func (m *module) renew(epoch uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.initialised && m.epoch.Load() != epoch:
		return nil
	case m.foreign:
		return fault.New(fault.Unavailable, "pkcs11: initialise %s anew: another part of this process uses it", m.path)
	}
	if !m.gate.close(renewPatience) {
		return fault.New(fault.Unavailable, "pkcs11: initialise %s anew: %w: a call has not returned for %s", m.path, ErrStuck, renewPatience)
	}
	defer m.gate.open()
	var finalised error
	if m.initialised {
		finalised = m.lib.Finalize()
	}
	m.initialised = false
	if err := m.initialise(); err != nil {
		return err
	}
	if m.foreign && finalised != nil {
		// Nobody else initialised it: it did not let itself be finalised.
		m.foreign = false
		return fault.New(fault.Unavailable, "pkcs11: initialise %s anew: %w: finalising it: %s", m.path, ErrStuck, finalised)
	}
	return nil
}

// lostAgain is how soon a token may be connected to again after it was lost so many times in a row: at once after the
// first loss, then after pauses that grow up to reconnectMax. So a token that is away is not logged in to over and over,
// and one that returns is in use again soon.
func lostAgain(losses int) time.Duration {
	if losses < 2 {
		return 0
	}
	return min(reconnectMin<<min(losses-2, 16), reconnectMax)
}

const (
	reconnectMin = 250 * time.Millisecond
	reconnectMax = 5 * time.Second

	// stuckAfter is how long a token may be away before another process is to look for it: a library may be beyond
	// what a new initialisation cures.
	stuckAfter = 2 * time.Minute
)

// Suspect tells that the token answers, but not as it would if it were there: with a general error to what cannot fail,
// or without objects that it had. The next Use connects anew, with the module initialised anew. It is for a caller who
// has ruled out that what was asked is to blame.
func (t *Token) Suspect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.connected {
		return
	}
	t.endGeneration()
	t.lose()
	t.doubted = true
}

// lose counts a loss. Called with t.mu held.
func (t *Token) lose() {
	if t.losses == 0 {
		t.since = time.Now()
	}
	t.losses++
	t.retry = time.Now().Add(lostAgain(t.losses))
}

// worked forgets losses: an operation came through.
func (t *Token) worked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.losses, t.doubted, t.failure = 0, false, nil
}

// unwell tells the errors of connecting that another initialisation may cure.
func unwell(err error) bool {
	if errors.Is(err, ErrPIN) || errors.Is(err, ErrStuck) {
		return false
	}
	kind := fault.Of(err)
	code, ok := Code(err)
	return kind == fault.Unavailable || kind == fault.Internal && ok && code != pkcs11.CKR_ARGUMENTS_BAD
}
