package registrar

import (
	"context"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// The states of an enrolment at the registrar.
const (
	stateEnrolled = "enrolled"
	stateRevoked  = "revoked"
)

// replaced lists the enrolments that new ones of the same names take the place of.
func (s *Service) replaced(ctx context.Context, n *issue.Network, r *issue.Request) (out []issue.Subject, err error) {
	if r.Kind != order.ClientSecret || !n.Terms.Permits {
		return nil, nil
	}
	for _, subject := range r.Subjects {
		e, known, err := s.newest(ctx, n.Order.Terms().ReferenceHex(), subject.Name)
		if err != nil {
			return nil, err
		}
		if known && e.State == stateEnrolled && e.Number < subject.Enrolment {
			out = append(out, issue.Subject{Name: e.Name, Enrolment: e.Number})
		}
	}
	return out, nil
}

// subject decides which enrolment of a name is meant. The first of a name is
// number 1, and a name is enrolled once unless the caller says anew: it is another
// identity then, with another client secret. The suite of existing networks counts
// no enrolments; there the name itself tells them apart.
func (s *Service) subject(ctx context.Context, n *issue.Network, name string, in Inquiry) (issue.Subject, error) {
	subject := issue.Subject{Name: name}
	if in.Enrolment != nil || in.Kind == order.ServerSecret {
		if in.Enrolment != nil {
			subject.Enrolment = *in.Enrolment
		}
		return subject, nil
	}
	e, known, err := s.newest(ctx, n.Order.Terms().ReferenceHex(), name)
	if err != nil {
		return subject, err
	}
	counts := n.Terms.Suite != mpin.AMCL.Name
	if in.Kind == order.TimePermit {
		switch {
		case known && e.State == stateRevoked:
			return subject, fault.New(fault.Denied, "%q, enrolment %d, was revoked", name, e.Number)
		case !known && counts:
			return subject, fault.New(fault.NotFound, "%q: this node has enrolled nobody of that name; give the enrolment", name)
		}
		subject.Enrolment = e.Number
		return subject, nil
	}
	switch {
	case !known && counts:
		subject.Enrolment = 1
	case !known:
	case !in.Anew:
		return subject, fault.New(fault.Conflict, "%q is enrolled already, as number %d (%s): ask for it anew, or give the enrolment", name, e.Number, e.State)
	case !counts:
		return subject, fault.New(fault.Unsupported, "%q is enrolled already, and suite %s counts no enrolments: choose another name", name, n.Terms.Suite)
	default:
		subject.Enrolment = e.Number + 1
	}
	return subject, nil
}
