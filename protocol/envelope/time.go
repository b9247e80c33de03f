package envelope

import (
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Times are the signer's, and the clocks of the parties differ.
const (
	// MaxLife is the longest time from an envelope's time to its expiry.
	MaxLife = 31 * 24 * time.Hour
	// MaxSkew is how far a signer's clock may be ahead, in envelopes and in what
	// they carry.
	MaxSkew = 2 * time.Minute
)

func (h *Header) checkTimes() error {
	if h.Time <= 0 || h.Time > identity.MaxTime {
		return fault.New(fault.Invalid, "expected a time from 1 to %d ms, found %d", int64(identity.MaxTime), h.Time)
	}
	if h.Expires <= h.Time || h.Expires > h.Time+MaxLife.Milliseconds() {
		return fault.New(fault.Invalid, "expected expiry after %d ms and within %s, found %d", h.Time, MaxLife, h.Expires)
	}
	return nil
}

// Fresh reports whether an envelope that was never seen may be accepted at now:
// its time is not ahead by more than MaxSkew, and it has not expired. A repeat
// of one that was seen is not a question of time.
func (e *Envelope) Fresh(now time.Time) error {
	if err := e.Header.Fresh(now); err != nil {
		return fault.New(fault.Invalid, "envelope %s: %w", e.cid, err)
	}
	return nil
}

// Fresh is [Envelope.Fresh] of a header.
func (h *Header) Fresh(now time.Time) error {
	if err := h.checkTimes(); err != nil {
		return err
	}
	at := now.UnixMilli()
	if h.Time > at+MaxSkew.Milliseconds() {
		return fault.New(fault.Invalid, "expected a time up to %s, found %s", Stamp(at+MaxSkew.Milliseconds()), Stamp(h.Time))
	}
	if at > h.Expires {
		return fault.New(fault.Invalid, "expected it before it expired at %s, found it at %s", Stamp(h.Expires), Stamp(at))
	}
	return nil
}

// Stamp is a time in milliseconds as errors tell it.
func Stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
