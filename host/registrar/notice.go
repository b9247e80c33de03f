package registrar

import (
	"context"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// errKnown undoes a change that changes nothing.
var errKnown = errors.New("it is known already")

// Notice takes in what others have had done in a network of this node's, as its D-TAs
// tell: whom they enrolled, so that this node gives nobody the same number, and whom
// they revoked. Whoever has an enrolment issued again can log in as that person: it
// is audited, once for each request. Requests that are on record already count as
// told, so that this comes before whatever else records the news.
func (s *Service) Notice(ctx context.Context, ref string, news records.News) error {
	var learn func(*records.Writer) error
	switch {
	case news.Request != nil && news.Request.Request().Kind == order.ClientSecret:
		learn = func(w *records.Writer) error { return s.learnEnrolments(w, ref, news.Order, news.Request) }
	case news.Revocation != nil:
		learn = func(w *records.Writer) error { return learnRevocation(w, ref, news.Order, news.Revocation) }
	default:
		return nil
	}
	if err := s.records.Write(ctx, learn); !errors.Is(err, errKnown) {
		return err
	}
	return nil
}

func (s *Service) learnEnrolments(w *records.Writer, ref string, o *order.VerifiedOrder, q *issue.VerifiedRequest) error {
	_, err := w.Seen(q.HeaderCID())
	told := err == nil
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if !q.Rolled() {
		return errKnown // what it says of people was forgotten on the way
	}
	subjects, added := q.Request().Subjects, 0
	enrolments, err := s.enrolments(o, q.Request(), w.Now, q.CID())
	if err != nil {
		return err
	}
	for _, e := range enrolments {
		fresh, err := w.PutEnrolment(e)
		if err != nil {
			return err
		}
		if fresh {
			added++
		} else if !told {
			// Issued again: the tag is the new token's.
			if err := w.SaveEnrolment(e, stateEnrolled); err != nil && fault.Of(err) != fault.Conflict {
				return err
			}
		}
	}
	if told && added == 0 {
		return errKnown
	}
	if err := w.Chain(q.Signer()); err != nil {
		return err
	}
	if err := w.Received(records.Chapter(o, q.CID()), &q.Part, o.Terms().Publish); err != nil {
		return err
	}
	if added > 0 {
		if err := learned(w, ref, q.Signer().Name, q.CID()); err != nil {
			return err
		}
	}
	if again := len(subjects) - added; !told && again > 0 {
		return w.Audit("network.issued-again", q.Signer().Name, ref, q.CID(), fmt.Sprintf("%d of %d subjects", again, len(subjects)))
	}
	return nil
}

func learnRevocation(w *records.Writer, ref string, o *order.VerifiedOrder, v *issue.VerifiedRevocation) error {
	fresh, err := markRevoked(w, o, v.Mark(), v.Enrolment(), v.CID())
	if err != nil {
		return err
	}
	if !fresh {
		return errKnown
	}
	return learned(w, ref, v.Signer().Name, v.CID())
}

func learned(w *records.Writer, ref string, by, what dag.CID) error {
	return w.Audit("network.learned", by, ref, what, "")
}
