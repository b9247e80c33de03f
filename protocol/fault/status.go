package fault

import (
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// domain marks the ErrorInfo detail in which a kind travels.
const domain = "dta"

// ToStatus turns err into the gRPC status error a server returns: the kind's
// code, the public text, and the kind itself, with what is missing, as google.rpc.ErrorInfo. Nil stays
// nil.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	k := Of(err).known()
	s := status.New(k.GRPC(), Public(err))
	detailed, derr := s.WithDetails(&errdetails.ErrorInfo{Reason: string(k), Domain: domain, Metadata: joined(Missing(err))})
	if derr != nil {
		return s.Err()
	}
	return detailed.Err()
}

// FromStatus turns what a gRPC client call returned into an error with a kind:
// the kind sent, or the one the code stands for when none was, and the text as
// Foreign leaves it, for a plugin may mean ill. An error that is no status keeps its text and gets the kind Of finds.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return &Error{Kind: Of(err), err: err}
	}
	if s.Code() == codes.OK {
		return nil
	}
	return &Error{Kind: ofStatus(s), err: errors.New(Foreign(s.Message())), missing: missingOf(s)}
}

func missingOf(s *status.Status) []string {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return listed(strings.Fields(info.GetMetadata()[metaMissing]))
		}
	}
	return nil
}

func ofStatus(s *status.Status) Kind {
	if s.Code() == codes.OK {
		return ""
	}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			if k := Kind(info.GetReason()); k.known() == k {
				return k
			}
		}
	}
	return ofGRPC(s.Code())
}
