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
// this node knows to be revoked.
func RefuseRevoked(tx *store.Tx, role, ref string, r *issue.Request) error {
	if r.Kind == order.ServerSecret {
		return nil // its name is a server's, for people to read
	}
	names := make([]string, 0, len(r.Subjects))
	for _, subject := range r.Subjects {
		names = append(names, subject.Name)
	}
	revoked, err := tx.NewestEnrolments(role, ref, StateRevoked, names...)
	if err != nil {
		return err
	}
	for _, subject := range r.Subjects {
		if e, ok := revoked[subject.Name]; ok && (issue.Subject{Name: e.Name, Enrolment: e.Number}).Covers(subject) {
			return fault.New(fault.Denied, "%q, enrolment %d, was revoked at %s", subject.Name, subject.Enrolment, time.UnixMilli(e.Time).UTC().Format(time.RFC3339))
		}
	}
	return nil
}
