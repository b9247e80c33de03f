package envelope

import (
	"slices"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Kind says which part an envelope plays.
type Kind string

const (
	Order      Kind = "order"
	Acceptance Kind = "acceptance"
	Redemption Kind = "redemption"
	Release    Kind = "release"
	Offer      Kind = "offer"
	Notice     Kind = "notice"
	Request    Kind = "request"    // of something to be issued in a network
	Grant      Kind = "grant"      // by which a custody identity issues it
	Revocation Kind = "revocation" // after which nothing more is issued to a subject
)

var kinds = []Kind{Order, Acceptance, Redemption, Release, Offer, Notice, Request, Grant, Revocation}

// reserved are the names of kinds to come, which nobody takes for something else.
var reserved = []Kind{
	"use", "result", "amendment", "withdrawal", "challenge", "proof", "approval", "veto", "heartbeat", "statement",
	"call", "join", "list", "deal", "verdict", "transcript", "vote", "status", "installed", "destroyed",
}

// Kinds lists the kinds of envelopes that this version reads.
func Kinds() []Kind { return slices.Clone(kinds) }

// Reserved lists the names of kinds that this version does not read.
func Reserved() []Kind { return slices.Clone(reserved) }

// check refuses a kind that this version does not read: fault.Unsupported for a
// reserved name, fault.Invalid for any other.
func (k Kind) check() error {
	switch {
	case slices.Contains(kinds, k):
		return nil
	case slices.Contains(reserved, k):
		return fault.New(fault.Unsupported, "expected a kind that this version reads, found %q, which is reserved", k)
	}
	return fault.New(fault.Invalid, "expected a known kind, found %.40q", k)
}

// clear reports whether envelopes of this kind have no recipients and a body
// that everyone can read.
func (k Kind) clear() bool { return k == Offer }
