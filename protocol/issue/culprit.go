package issue

import (
	"fmt"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// BadShare is the error for an answer that a D-TA signed and that is provably
// wrong. Its kind is fault.Invalid. The receiver alone sees it: what it opened
// must not be shown to anyone, for with its proof it would be a test for a PIN.
// The registrar has the D-TA answer for a throw-away identity instead.
type BadShare struct {
	Order   dag.CID
	Request dag.CID
	Grant   dag.CID // the envelope that the custody identity signed
	Index   int     // its place in the terms
	Custody dag.CID // its name
	Reason  order.Reason
	cause   error
}

func (e *BadShare) Error() string {
	return fmt.Sprintf("network order %s: bad share from D-TA %d, custody identity %s (%s): %v", e.Order, e.Index, e.Custody, e.Reason, e.cause)
}

// Unwrap gives the error its kind.
func (e *BadShare) Unwrap() error { return fault.New(fault.Invalid, "%w", e.cause) }

func (g *VerifiedGrant) blame(why order.Reason, cause error) error {
	return &BadShare{
		Order: g.request.order.CID(), Request: g.request.CID(), Grant: g.CID(),
		Index: g.Index(), Custody: g.Custody(), Reason: why, cause: cause,
	}
}

// BadAnswer is the error for what came as a D-TA's answer and is none that it
// signed for this request: it says whose answer is lacking, and accuses nobody,
// since anyone on the way may have changed it. Its kind is the cause's.
type BadAnswer struct {
	Index   int     // the D-TA's place in the terms
	Custody dag.CID // its custody identity's name
	cause   error
}

func (e *BadAnswer) Error() string {
	return fmt.Sprintf("D-TA %d, custody identity %s: %v", e.Index, e.Custody, e.cause)
}

func (e *BadAnswer) Unwrap() error { return e.cause }

// place says whose answer an error is about.
func place(a *order.VerifiedAcceptance, err *error) {
	if *err != nil {
		*err = &BadAnswer{Index: a.Index(), Custody: a.Custody(), cause: *err}
	}
}
