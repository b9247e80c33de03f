package records

import (
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// StateRevoked is the state of an enrolment for which nothing more is issued: at a
// D-TA, which remembers no other, and at whoever asks.
const StateRevoked = "revoked"

// RefuseRevoked is fault.Denied where a request is for an enrolment that a role of
// this node knows to be revoked, or for nobody knows whom. Names are compared by
// their marks, and stand in no error.
func RefuseRevoked(tx *store.Tx, role string, o *order.VerifiedOrder, a *issue.Asked) error {
	if len(a.Subjects) == 0 {
		return fault.New(fault.Denied, "whom the request is for was forgotten")
	}
	if a.Kind == order.ServerSecret {
		return nil // its name is a server's, for people to read
	}
	marks, err := Marks(o, a.Subjects)
	if err != nil {
		return err
	}
	revoked, err := tx.NewestEnrolments(role, Key(o), StateRevoked, marks...)
	if err != nil {
		return err
	}
	for i, subject := range a.Subjects {
		if e, ok := revoked[marks[i]]; ok && subject.Enrolment <= e.Number {
			return fault.New(fault.Denied, "subject %d, enrolment %d, was revoked at %s", i, subject.Enrolment, time.UnixMilli(e.Time).UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// Marks are those of subjects' names in a network, in their order.
func Marks(o *order.VerifiedOrder, subjects []issue.Subject) ([]string, error) {
	n, ok := o.Network()
	if !ok {
		return nil, fault.New(fault.Invalid, "order %s is of no network", o.CID())
	}
	marks := make([]string, 0, len(subjects))
	for _, s := range subjects {
		marks = append(marks, issue.Mark(n, s.Name))
	}
	return marks, nil
}
