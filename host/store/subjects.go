package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/dag"
)

// Subject is what a role remembers of one name in a network: at the registrar
// whom it enrolled, at a D-TA who was revoked. Enrolments are counted from 0,
// and both fields are the number after the newest one meant, so that 0 is none.
type Subject struct {
	Name     string
	Enrolled int64   // enrolments up to Enrolled-1 were made
	Revoked  int64   // enrolments up to Revoked-1 are revoked
	Time     int64   // of the newest change, unix milliseconds
	CID      dag.CID // of the envelope that caused it
}

// Subject returns what is remembered of a name; one never met has neither
// enrolments nor revocations.
func (tx *Tx) Subject(role, reference, name string) (Subject, error) {
	s := Subject{Name: name}
	var c []byte
	err := tx.row("read subject", `
		select enrolled, revoked, time, cid from subjects where role = $1 and reference = $2 and name = $3`,
		[]any{role, reference, name}, &s.Enrolled, &s.Revoked, &s.Time, &c)
	if errors.Is(err, errNoRow) {
		return s, nil
	}
	if err != nil {
		return Subject{}, err
	}
	s.CID, err = cid(c)
	return s, err
}

// SaveSubject remembers a name. Neither number ever falls.
func (tx *Tx) SaveSubject(role, reference string, s Subject) error {
	_, err := tx.exec("save subject", `
		insert into subjects (role, reference, name, enrolled, revoked, time, cid) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (role, reference, name) do update set
			enrolled = case when excluded.enrolled > subjects.enrolled then excluded.enrolled else subjects.enrolled end,
			revoked = case when excluded.revoked > subjects.revoked then excluded.revoked else subjects.revoked end,
			time = excluded.time, cid = excluded.cid`,
		role, reference, s.Name, s.Enrolled, s.Revoked, s.Time, link(s.CID))
	return err
}
