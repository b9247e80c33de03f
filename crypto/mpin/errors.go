package mpin

import "errors"

var (
	// ErrUnknownSuite: no suite has that name.
	ErrUnknownSuite = errors.New("unknown M-Pin suite")

	// ErrSubject: not an identity of the suite.
	ErrSubject = errors.New("not an identity")

	// ErrDay: not a day for permits, or not the day that was asked for.
	ErrDay = errors.New("not the day of a permit")

	// ErrPIN: a PIN out of range.
	ErrPIN = errors.New("a PIN is a number from 0 to 9999")

	// ErrFactor: a factor that the suite cannot take.
	ErrFactor = errors.New("not a factor")

	// ErrPoint: what should be an element of a group is not: not on the curve,
	// not canonical, outside the subgroup, or the identity. AMCL's code for the
	// first of these is INVALID_POINT, −14.
	ErrPoint = errors.New("not an element of the group")

	// ErrRejected: a well-formed proof does not verify. A wrong PIN, a wrong
	// token, an expired permit and a wrong key are not told apart; AMCL's code
	// for them all is BAD_PIN, −19.
	ErrRejected = errors.New("the proof is rejected")

	// ErrStale: the time of a proof in one message is outside the window.
	ErrStale = errors.New("the proof's time is not now")

	// ErrUsed: a step that may be taken once was taken, or comes too early.
	ErrUsed = errors.New("not the next step of this login")

	// ErrMixed: values of two suites.
	ErrMixed = errors.New("values of different suites")
)
