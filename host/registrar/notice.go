package registrar

import (
	"context"
	"errors"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/order"
)

// errKnown undoes a change that changes nothing.
var errKnown = errors.New("it is known already")

// Notice takes in what others have had done in a network of this node's, as its D-TAs
// tell: whom they enrolled, so that this node gives nobody the same number, and whom
// they revoked.
func (s *Service) Notice(ctx context.Context, ref string, news records.News) error {
	var learn func(*records.Writer) (bool, error)
	var by, what dag.CID
	switch {
	case news.Request != nil && news.Request.Request().Kind == order.ClientSecret:
		by, what = news.Request.Signer().Name, news.Request.CID()
		learn = func(w *records.Writer) (fresh bool, err error) {
			for _, subject := range news.Request.Request().Subjects {
				added, err := w.PutEnrolment(enrolment(ref, subject, stateEnrolled, w.Now, what))
				if err != nil {
					return false, err
				}
				fresh = fresh || added
			}
			return fresh, nil
		}
	case news.Revocation != nil:
		by, what = news.Revocation.Signer().Name, news.Revocation.CID()
		learn = func(w *records.Writer) (bool, error) { return markRevoked(w, ref, news.Revocation.Subject(), what) }
	default:
		return nil
	}
	err := s.records.Write(ctx, func(w *records.Writer) error {
		fresh, err := learn(w)
		if err == nil && !fresh {
			err = errKnown
		}
		if err != nil {
			return err
		}
		return w.Audit("network.learned", by, ref, what, "")
	})
	if errors.Is(err, errKnown) {
		return nil
	}
	return err
}
