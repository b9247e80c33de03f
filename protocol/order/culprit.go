package order

import (
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Reason says what is wrong with a release; a closed list.
type Reason string

const (
	NotWellFormed Reason = "not well formed"
	DoesNotOpen   Reason = "does not open"
	NotAsAccepted Reason = "not what was accepted"
)

// BadFiduciary is one culprit and the evidence: with the links of its signed
// release, the detached block and the redemption's reply key (which serves
// nothing else), anyone can open the block and see. Where Combine found the
// share, Redemption, Release and Share are undefined.
type BadFiduciary struct {
	Index      int     // its place in the terms
	Custody    dag.CID // the custody identity's name
	Redemption dag.CID
	Release    dag.CID // the envelope it signed
	Share      dag.CID // the detached block which that links
	Reason     Reason
}

// BadFiduciaries is the error for releases that a custody identity signed and
// that are provably wrong. Its kind is fault.Invalid.
type BadFiduciaries struct {
	Order dag.CID
	Bad   []BadFiduciary
	cause error
}

func (e *BadFiduciaries) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "order %s: bad share from", e.Order)
	for i, f := range e.Bad {
		if i > 0 {
			b.WriteString(" and")
		}
		fmt.Fprintf(&b, " fiduciary %d, custody identity %s (%s)", f.Index, f.Custody, f.Reason)
	}
	return b.String()
}

// Unwrap gives the error its kind.
func (e *BadFiduciaries) Unwrap() error { return fault.New(fault.Invalid, "%w", e.cause) }

func (l *VerifiedRelease) blame(why Reason, cause error) error {
	return &BadFiduciaries{
		Order: l.redemption.order.cid,
		Bad: []BadFiduciary{{
			Index: l.Index(), Custody: l.Custody(), Redemption: l.redemption.cid,
			Release: l.cid, Share: l.body.Share, Reason: why,
		}},
		cause: cause,
	}
}
