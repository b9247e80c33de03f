package rest

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/registrar"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// IssueRequest is the body of POST /v1/network/{reference}/client-secret,
// /server-secret and /time-permit. Receiver is the sealing key of whoever is to have
// what is issued; its other half never comes here.
type IssueRequest struct {
	Name       string   `json:"name"`
	Names      []string `json:"names"`     // or several
	Enrolment  *uint64  `json:"enrolment"` // absent: as this node counts
	Anew       bool     `json:"anew"`      // client-secret: of a name that was enrolled before
	First      string   `json:"first"`     // time-permit: YYYY-MM-DD, UTC; "" is today
	Days       uint64   `json:"days"`      // time-permit: absent is 1
	Receiver   []byte   `json:"receiver"`
	Request    []byte   `json:"request"` // to go on with one that waits for approvals: of what stands above, only enrolment still counts
	Approvals  [][]byte `json:"approvals"`
	Delegation []byte   `json:"delegation"` // what the delegate was handed
}

// IssueAnswer carries what the receiver verifies and opens, or, while approvals are
// needed, what to show to those who may give them.
type IssueAnswer struct {
	State      string        `json:"state"` // issued, incomplete or approval
	RequestCID string        `json:"requestCID,omitempty"`
	Subjects   []IssuedTo    `json:"subjects,omitempty"`
	Request    *ShownRequest `json:"request,omitempty"`
	Grants     []IssuedGrant `json:"grants,omitempty"`
	Faults     []IssueFault  `json:"faults,omitempty"`
	Charter    []byte        `json:"charter,omitempty"`

	Needed     int      `json:"needed,omitempty"`     // approvals
	MayApprove []string `json:"mayApprove,omitempty"` // identities: theirs, or their delegates'
	Pending    []byte   `json:"pending,omitempty"`    // the request
	Approvals  [][]byte `json:"approvals,omitempty"`
}

// IssuedTo is a subject.
type IssuedTo struct {
	Name      string `json:"name"`
	Enrolment uint64 `json:"enrolment"`
}

// ShownRequest is a request's envelope with its plaintext, and whom it is for, which
// is in neither: the roll of which the request has the hash.
type ShownRequest struct {
	Envelope []byte `json:"envelope"`
	Plain    []byte `json:"plain"`
	Roll     []byte `json:"roll"`
}

// IssuedGrant is one D-TA's grant, with the block sealed to the receiver.
type IssuedGrant struct {
	Index    int    `json:"index"`
	Custody  string `json:"custody"`
	Envelope []byte `json:"envelope"`
	Plain    []byte `json:"plain"`
	Share    []byte `json:"share"`
}

// IssueFault names a D-TA that gave no answer that holds. All of it is what its node
// did, or anybody on the way; none of it is the custody identity's doing.
type IssueFault struct {
	Index   int    `json:"index"`
	Node    string `json:"node"`    // whose answer it was
	Custody string `json:"custody"` // whose grant is missing
	Verdict string `json:"verdict"` // unresponsive, refused or faulty
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
}

func (s *Services) issue(kind order.IssueKind) echo.HandlerFunc {
	return func(c echo.Context) error {
		var req IssueRequest
		text, err := readKept(c, &req)
		if err != nil {
			return err
		}
		if err := reference(c.Param("reference")); err != nil {
			return err
		}
		in, err := inquiry(c.Param("reference"), kind, req, s.Records.Clock)
		if err != nil {
			return err
		}
		if in.Once, err = s.once(c, text); err != nil {
			return err
		}
		out, err := s.Registrar.Ask(c.Request().Context(), in)
		if err != nil {
			return err
		}
		status, answer, err := issued(out)
		if err != nil {
			return err
		}
		return c.JSON(status, answer)
	}
}

func inquiry(ref string, kind order.IssueKind, req IssueRequest, clock records.Clock) (registrar.Inquiry, error) {
	in := registrar.Inquiry{
		Network: ref, Kind: kind, Names: req.Names, Enrolment: req.Enrolment, Anew: req.Anew, Receiver: req.Receiver,
		Request: req.Request, Approvals: req.Approvals, Mandate: req.Delegation,
	}
	if len(req.Request) > 0 {
		return in, nil
	}
	if req.Name != "" {
		in.Names = append([]string{req.Name}, req.Names...)
	}
	if n := len(in.Names); n < 1 || n > issue.MaxPoints {
		return in, fault.New(fault.Invalid, "names: expected 1 to %d; found %d", issue.MaxPoints, n)
	}
	if req.Anew && kind != order.ClientSecret {
		return in, fault.New(fault.Invalid, "anew: only a client secret is enrolled anew")
	}
	if kind != order.TimePermit {
		if req.First != "" || req.Days != 0 {
			return in, fault.New(fault.Invalid, "first, days: only permits have days")
		}
		return in, nil
	}
	in.Days = max(req.Days, 1)
	now, err := clock.Now()
	if err != nil {
		return in, err
	}
	if req.First != "" {
		if now, err = time.Parse(time.DateOnly, req.First); err != nil {
			return in, fault.New(fault.Invalid, "first: expected a day written YYYY-MM-DD; found %q", clip(req.First))
		}
	}
	in.First = issue.Day(now)
	return in, nil
}

func issued(out *registrar.Outcome) (int, IssueAnswer, error) {
	if out.Needed > 0 {
		a := IssueAnswer{State: "approval", Needed: out.Needed, Pending: out.Request, Approvals: out.Approvals}
		for _, name := range out.MayApprove {
			a.MayApprove = append(a.MayApprove, name.String())
		}
		return http.StatusAccepted, a, nil
	}
	a := IssueAnswer{
		State: "issued", RequestCID: out.Asked.CID().String(), Charter: out.Charter,
		Request: &ShownRequest{Envelope: out.Asked.Block(), Plain: out.Asked.Plain()},
	}
	if out.Asked.Rolled() {
		var err error
		if a.Request.Roll, err = out.Asked.Request().Roll.Marshal(); err != nil {
			return 0, a, err
		}
	}
	for _, subject := range out.Asked.Request().Subjects {
		a.Subjects = append(a.Subjects, IssuedTo(subject))
	}
	for _, g := range out.Grants {
		a.Grants = append(a.Grants, IssuedGrant{g.Index(), g.Custody().String(), g.Block(), g.Plain(), g.Share})
	}
	for _, f := range out.Faults {
		a.State = "incomplete"
		a.Faults = append(a.Faults, IssueFault{f.Index, f.Node.String(), f.Custody.String(), string(f.Verdict), string(f.Kind), f.Reason})
	}
	return http.StatusOK, a, nil
}
