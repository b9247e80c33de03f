package registrar

import (
	"context"
	"math"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// stateEnrolled is an enrolment's state at the registrar until it is
// [records.StateRevoked].
const stateEnrolled = "enrolled"

// subjects decides which enrolments of the names are meant: the one given for all
// of them, else as this node counts. Of client secrets that are issued again, tags
// are those of before, where this node knows them.
func (s *Service) subjects(ctx context.Context, n *issue.Network, in Inquiry) (out []issue.Subject, tags [][]byte, err error) {
	if in.Enrolment != nil && in.Anew {
		return nil, nil, fault.New(fault.Invalid, "enrolment, anew: expected one of them")
	}
	var known map[string]store.Enrolment
	if in.Kind == order.ClientSecret || in.Kind == order.TimePermit && in.Enrolment == nil {
		if known, err = s.newest(ctx, n, in.Names...); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range in.Names {
		subject := issue.Subject{Name: name}
		switch {
		case in.Enrolment != nil:
			subject.Enrolment = *in.Enrolment
		case in.Kind == order.ClientSecret:
			e, is := known[name]
			subject.Enrolment, err = next(n, e, is, in.Anew)
		case in.Kind == order.TimePermit:
			e, is := known[name]
			subject.Enrolment, err = current(n, e, is)
		}
		if err != nil {
			return nil, nil, fault.New(fault.Of(err), "%q %w", name, err)
		}
		out, tags = append(out, subject), append(tags, s.tag(known[name], subject.Enrolment))
	}
	return out, tags, nil
}

// tag is that of an enrolment as this node knows it; nil where it does not.
func (s *Service) tag(e store.Enrolment, number uint64) []byte {
	if e.Number != number {
		return nil
	}
	p, err := s.records.OpenPerson(e)
	if err != nil {
		return nil
	}
	return p.Tag
}

// counts tells whether a network's suite tells the enrolments of a name apart. That
// of existing networks does not: there the name itself has to.
func counts(n *issue.Network) bool { return n.Terms.Suite != mpin.AMCL.Name }

// next is the number of a new enrolment. The first is 1, and a name is enrolled once
// unless the caller says anew: it is another identity then, with another secret.
func next(n *issue.Network, e store.Enrolment, known, anew bool) (uint64, error) {
	switch {
	case !known && counts(n):
		return 1, nil
	case !known:
		return 0, nil
	case !anew:
		return 0, fault.New(fault.Conflict, "is enrolled already, as number %d (%s): ask for it anew, or give the enrolment", e.Number, e.State)
	case !counts(n):
		return 0, fault.New(fault.Unsupported, "is enrolled already, and suite %s counts no enrolments: choose another name", n.Terms.Suite)
	case e.Number == math.MaxUint64:
		return 0, fault.New(fault.Conflict, "is enrolled under the last number there is: choose another name")
	}
	return e.Number + 1, nil
}

// current is the number of the enrolment that permits are for.
func current(n *issue.Network, e store.Enrolment, known bool) (uint64, error) {
	if !known && counts(n) {
		return 0, fault.New(fault.NotFound, "is enrolled by nobody whom this node knows of: give the enrolment")
	}
	return e.Number, nil
}

// enrol writes the enrolments of a request down. One that is there already is
// issued again only if the caller has given its number.
func (s *Service) enrol(w *records.Writer, o *order.VerifiedOrder, r *issue.Asked, request dag.CID, given *uint64) error {
	enrolments, err := s.enrolments(o, r, w.Now, request)
	if err != nil {
		return err
	}
	for i, e := range enrolments {
		added, err := w.PutEnrolment(e)
		if err != nil {
			return err
		}
		if added {
			continue
		}
		if given == nil || *given != e.Number {
			return fault.New(fault.Conflict, "%q is enrolled already, as number %d: ask for it anew, or give the enrolment", r.Subjects[i].Name, e.Number)
		}
		if err := w.SaveEnrolment(e, stateEnrolled); err != nil {
			return err
		}
	}
	return nil
}

// enrolments are the rows of a request's subjects, each with who it is.
func (s *Service) enrolments(o *order.VerifiedOrder, r *issue.Asked, now time.Time, request dag.CID) (out []store.Enrolment, err error) {
	marks, err := records.Marks(o, r.Subjects)
	if err != nil {
		return nil, err
	}
	for i, subject := range r.Subjects {
		e := enrolment(o, marks[i], subject.Enrolment, stateEnrolled, now, request)
		if e.Person, err = s.records.SealPerson(e, records.Person{Name: subject.Name, Tag: r.Tags[i]}); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func enrolment(o *order.VerifiedOrder, mark string, number uint64, state string, now time.Time, c dag.CID) store.Enrolment {
	return store.Enrolment{Role: Role, Reference: records.Key(o), Mark: mark, Number: number, State: state, Time: now.UnixMilli(), CID: c}
}

// replaced seals revocations of the enrolments that new ones of the same names take
// the place of. Where this node may not revoke them, it enrols nobody anew.
func (s *Service) replaced(ctx context.Context, n *issue.Network, r *issue.Asked, who order.Parties, now time.Time) (out []*revocation, err error) {
	if r.Kind != order.ClientSecret || !n.Terms.Permits {
		return nil, nil
	}
	names := make([]string, 0, len(r.Subjects))
	for _, subject := range r.Subjects {
		names = append(names, subject.Name)
	}
	known, err := s.newest(ctx, n, names...)
	if err != nil {
		return nil, err
	}
	for i, subject := range r.Subjects {
		e, ok := known[subject.Name]
		if !ok || e.State != stateEnrolled || e.Number >= subject.Enrolment {
			continue
		}
		v, err := s.revocation(n, issue.Subject{Name: subject.Name, Enrolment: e.Number}, who, now)
		if err != nil {
			return nil, fault.New(fault.Of(err), "the earlier enrolment of subject %d, number %d, has to be revoked: %w", i, e.Number, err)
		}
		out = append(out, v)
	}
	return out, nil
}
