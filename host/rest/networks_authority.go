package rest

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// ApprovalRequest is the body of POST /v1/network/{reference}/approval.
type ApprovalRequest struct {
	Request    []byte `json:"request"`
	Delegation []byte `json:"delegation"`
}

// ApprovalAnswer carries the approval, and what was approved.
type ApprovalAnswer struct {
	Approval []byte     `json:"approval"`
	Kind     string     `json:"kind"`
	Subjects []IssuedTo `json:"subjects"`
	First    string     `json:"first,omitempty"`
	Days     uint64     `json:"days,omitempty"`
}

func (s *Services) approve(c echo.Context) error {
	var req ApprovalRequest
	if err := s.readNetwork(c, &req); err != nil {
		return err
	}
	approval, r, err := s.Registrar.Approve(c.Request().Context(), c.Param("reference"), req.Request, req.Delegation)
	if err != nil {
		return err
	}
	out := ApprovalAnswer{Approval: approval, Kind: string(r.Kind), Subjects: []IssuedTo{}, Days: r.Days}
	for _, subject := range r.Subjects {
		out.Subjects = append(out.Subjects, IssuedTo(subject))
	}
	if r.Days > 0 {
		out.First = date(r.First)
	}
	return c.JSON(http.StatusOK, out)
}

// date writes a day of permits as people do.
func date(day uint64) string {
	return time.Unix(int64(day)*24*60*60, 0).UTC().Format(time.DateOnly)
}

// DelegationRequest is the body of POST /v1/network/{reference}/delegation.
type DelegationRequest struct {
	To      string   `json:"to"` // an identity, or the name of a peer
	Kinds   []string `json:"kinds"`
	Prefix  string   `json:"prefix"`
	Suffix  string   `json:"suffix"`
	MaxDays uint64   `json:"maxDays"` // of permits ahead; absent: as many as the network allows
	Seconds uint64   `json:"seconds"` // it lasts
}

// DelegationAnswer carries what the delegate is handed.
type DelegationAnswer struct {
	Delegation []byte `json:"delegation"`
	Expires    int64  `json:"expires"` // unix seconds
}

func (s *Services) delegate(c echo.Context) error {
	var req DelegationRequest
	if err := s.readNetwork(c, &req); err != nil {
		return err
	}
	ctx, ref := c.Request().Context(), c.Param("reference")
	to, err := s.party(ctx, "to", req.To)
	if err != nil {
		return err
	}
	if limit := uint64(issue.MaxDelegation / time.Second); req.Seconds < 1 || req.Seconds > limit {
		return fault.New(fault.Invalid, "seconds: expected 1 to %d; found %d", limit, req.Seconds)
	}
	d := issue.Delegation{To: to, Prefix: req.Prefix, Suffix: req.Suffix, MaxDays: req.MaxDays}
	for i, k := range req.Kinds {
		if !slices.Contains(order.IssueKinds(), order.IssueKind(k)) || slices.Contains(req.Kinds[:i], k) {
			return fault.New(fault.Invalid, "kinds[%d]: expected one of %q, each once; found %q", i, order.IssueKinds(), clip(k))
		}
	}
	for _, kind := range order.IssueKinds() {
		if slices.Contains(req.Kinds, string(kind)) {
			d.Kinds = append(d.Kinds, kind)
		}
	}
	if d.MaxDays == 0 && slices.Contains(d.Kinds, order.TimePermit) {
		found, err := s.Registrar.Find(ctx, ref)
		if err != nil {
			return err
		}
		d.MaxDays = networkOf(found).MaxDays
	}
	mandate, made, err := s.Registrar.Delegate(ctx, ref, d, time.Duration(req.Seconds)*time.Second)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, DelegationAnswer{Delegation: mandate, Expires: made.Expires / 1000})
}

// RevocationRequest is the body of POST /v1/network/{reference}/revocation.
type RevocationRequest struct {
	Name      string  `json:"name"`
	Enrolment *uint64 `json:"enrolment"` // absent: the newest that this node made
}

// RevocationAnswer says which D-TAs know; the others are told for as long as it takes.
type RevocationAnswer struct {
	RevocationCID string   `json:"revocationCID"`
	Name          string   `json:"name"`
	Enrolment     uint64   `json:"enrolment"`
	LastPermitDay string   `json:"lastPermitDay"` // on which a permit issued before can still be good
	Informed      []string `json:"informed"`
	Pending       []string `json:"pending"`
}

func (s *Services) revoke(c echo.Context) error {
	var req RevocationRequest
	if err := s.readNetwork(c, &req); err != nil {
		return err
	}
	if req.Name == "" {
		return fault.New(fault.Invalid, "name: expected that of a subject; it is empty")
	}
	got, err := s.Registrar.Revoke(c.Request().Context(), c.Param("reference"), req.Name, req.Enrolment)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, RevocationAnswer{
		RevocationCID: got.CID.String(), Name: got.Subject.Name, Enrolment: got.Subject.Enrolment,
		LastPermitDay: date(got.LastDay), Informed: s.called(got.Informed), Pending: s.called(got.Pending),
	})
}

// ForgetRequest is the body of POST /v1/network/{reference}/forget.
type ForgetRequest struct {
	Name       string `json:"name"`
	Delegation []byte `json:"delegation"` // of a delegate's node, which knows the network from it
}

// ForgetAnswer says what this node no longer knows. Subject is the keyed hash of the
// name, which stays.
type ForgetAnswer struct {
	Subject    string `json:"subject"`
	Enrolments int    `json:"enrolments"`
	Requests   int    `json:"requests"`
}

func (s *Services) forget(c echo.Context) error {
	var req ForgetRequest
	if err := s.readNetwork(c, &req); err != nil {
		return err
	}
	if req.Name == "" {
		return fault.New(fault.Invalid, "name: expected that of a subject; it is empty")
	}
	got, err := s.Registrar.Forget(c.Request().Context(), c.Param("reference"), req.Name, req.Delegation)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ForgetAnswer(*got))
}

// called names nodes as this node's operator does.
func (s *Services) called(names []dag.CID) []string {
	out := []string{}
	for _, n := range names {
		if p, ok := s.Records.Directory.PeerOf(n); ok {
			out = append(out, p.Alias)
			continue
		}
		out = append(out, n.String())
	}
	return out
}

// ReportRequest is the body of POST /v1/network/{reference}/report.
type ReportRequest struct {
	RequestCID string `json:"requestCID"`
	Index      int    `json:"index"`
	Reason     string `json:"reason"`
}

// ReportAnswer says what a trial of the D-TA showed.
type ReportAnswer struct {
	Custody    string `json:"custody"`
	Verdict    string `json:"verdict"` // confirmed, not confirmed or unchecked
	Reason     string `json:"reason,omitempty"`
	RequestCID string `json:"requestCID,omitempty"` // of the trial
}

func (s *Services) reportMember(c echo.Context) error {
	var req ReportRequest
	if err := s.readNetwork(c, &req); err != nil {
		return err
	}
	request, err := dag.Parse(req.RequestCID)
	if err != nil {
		return fault.New(fault.Invalid, "requestCID: %w", err)
	}
	got, err := s.Registrar.Report(c.Request().Context(), c.Param("reference"), request, req.Index, clip(req.Reason))
	if err != nil {
		return err
	}
	out := ReportAnswer{Custody: got.Custody.String(), Verdict: got.Verdict, Reason: got.Reason}
	if got.Request.Defined() {
		out.RequestCID = got.Request.String()
	}
	return c.JSON(http.StatusOK, out)
}

// readNetwork reads the body of a call about one network.
func (s *Services) readNetwork(c echo.Context, into any) error {
	if err := read(c, into); err != nil {
		return err
	}
	return reference(c.Param("reference"))
}
