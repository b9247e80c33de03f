// Package authn is the login of dta's example authentication server: what its
// client and it say to each other, and the keys they end up with. M-Pin itself is
// in crypto/mpin.
//
//	GET  /login          → About: the network, and which day it is
//	POST /login/start    Start{name, enrolment, day, U}  → Challenge{session, y}
//	POST /login/finish   Finish{session, V}              → Outcome "accepted"        two passes
//	                     Finish{session, V, Z}           → Outcome "confirm", W, MAC  M-Pin Full
//	POST /login/confirm  Confirm{session, MAC}           → Outcome "accepted"
//
// Bodies are JSON, points and scalars in the suite's encoding as base64. y is made
// when U is there, and a session answers once. A refusal is an RFC 9457 problem,
// with the member "state": "refused", or "locked" where the subject has no tries
// left; of a wrong PIN with the person's own token it also tells how many are
// left, never by how much it was wrong.
//
// In M-Pin Full both sides derive a key and show each other that they have it, so
// that the client knows the server too: see Keys.
package authn

import (
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/strict"
)

// Paths of the server.
const (
	PathAbout   = "/login"
	PathStart   = "/login/start"
	PathFinish  = "/login/finish"
	PathConfirm = "/login/confirm"
)

// MaxBody bounds a body in either direction, in bytes.
const MaxBody = 16 << 10

// States of a login.
const (
	Accepted = "accepted" // logged in
	Confirm  = "confirm"  // the key is to be confirmed yet
	Refused  = "refused"
	Locked   = "locked"
)

// About tells whose server it is. Nothing in it is believed: it tells a client
// early that it is at the wrong door.
type About struct {
	Network   string `json:"network"` // CID of the network's terms
	Reference string `json:"reference"`
	Name      string `json:"name"` // the server's
	Suite     string `json:"suite"`
	Permits   bool   `json:"permits"`
	Day       string `json:"day"` // at the server, in UTC: 2026-11-22
}

// Start begins a login.
type Start struct {
	Name       string        `json:"name"`
	Enrolment  uint64        `json:"enrolment"`
	Day        string        `json:"day,omitempty"` // of the permit; none where there are no permits
	Commitment strict.Octets `json:"u"`
}

// Challenge is the answer.
type Challenge struct {
	Session string        `json:"session"`
	Y       strict.Octets `json:"y"`
}

// Finish answers the challenge. With Z it is M-Pin Full.
type Finish struct {
	Session string        `json:"session"`
	V       strict.Octets `json:"v"`
	Z       strict.Octets `json:"z,omitempty"`
}

// Outcome says how far the login is.
type Outcome struct {
	State   string        `json:"state"`
	W       strict.Octets `json:"w,omitempty"`
	Confirm strict.Octets `json:"confirm,omitempty"` // the server's, see Keys
}

// Confirmation is the client's.
type Confirmation struct {
	Session string        `json:"session"`
	Confirm strict.Octets `json:"confirm"`
}

// Problem is an RFC 9457 answer of the server.
type Problem struct {
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Detail    string     `json:"detail"`
	Kind      fault.Kind `json:"kind"`
	State     string     `json:"state,omitempty"`
	TriesLeft *int       `json:"triesLeft,omitempty"`
}
