package store

import (
	"slices"
	"strconv"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Enrolment is one enrolment of a name in a network, as one of this node's roles
// sees it: at the registrar what was enrolled, at a fiduciary what was revoked.
type Enrolment struct {
	Role      string
	Reference string  // of the network's order
	Mark      string  // stands for the name, from which it is made with a key
	Number    uint64  // tells the enrolments of a name apart
	State     string  // as the role names it
	Time      int64   // of the newest change, unix milliseconds
	CID       dag.CID // of the envelope that caused it; undefined for none
	Person    []byte  // who it is, sealed by the role; nil where that is not kept
}

// maxMarks bounds the marks of one statement: SQLite looks a parameter up among
// all others, so that thousands cost their square.
const maxMarks = 256

// ordinal maps a number to the column's signed integers in the same order:
// 0 becomes the smallest of them.
func ordinal(n uint64) int64 { return int64(n ^ 1<<63) }

func number(ordinal int64) uint64 { return uint64(ordinal) ^ 1<<63 }

// InsertEnrolment adds an enrolment; fault.Conflict when the name has one of that
// number.
func (tx *Tx) InsertEnrolment(e Enrolment) error {
	n, err := tx.exec("insert enrolment", `
		insert into enrolments (role, reference, mark, number, state, time, cid, person, checksum) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (role, reference, mark, number) do nothing`,
		e.Role, e.Reference, e.Mark, ordinal(e.Number), e.State, e.Time, link(e.CID), blob(e.Person), e.checksum())
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "%q has enrolment %d in network %s already", e.Mark, e.Number, e.Reference)
	}
	return err
}

func (e Enrolment) checksum() []byte {
	return rowSum(e.Role, e.Reference, e.Mark, ordinal(e.Number), e.State, e.Time, link(e.CID), blob(e.Person))
}

// PutEnrolment adds an enrolment unless there is one of its name and number, which
// then stays as it is, and reports whether it was added.
func (tx *Tx) PutEnrolment(e Enrolment) (bool, error) {
	err := tx.InsertEnrolment(e)
	if fault.Of(err) == fault.Conflict {
		return false, nil
	}
	return err == nil, err
}

// SaveEnrolment replaces an enrolment's state, time, CID and person if its state is still
// from; fault.Conflict when it is not, or there is no such enrolment.
func (tx *Tx) SaveEnrolment(e Enrolment, from string) error {
	n, err := tx.exec("save enrolment", `
		update enrolments set state = $1, time = $2, cid = $3, person = $4, checksum = $5
		where role = $6 and reference = $7 and mark = $8 and number = $9 and state = $10`,
		e.State, e.Time, link(e.CID), blob(e.Person), e.checksum(), e.Role, e.Reference, e.Mark, ordinal(e.Number), from)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "enrolment %d of %q in network %s is no longer %s", e.Number, e.Mark, e.Reference, from)
	}
	return err
}

// ForgetPerson empties a mark's enrolments of who it is, and counts those that
// knew. What is known of the mark stays.
func (tx *Tx) ForgetPerson(role, reference, mark string) (int, error) {
	found, err := tx.enrolments(`select `+enrolmentColumns+` from enrolments
		where role = $1 and reference = $2 and mark = $3 and length(person) > 0`, role, reference, mark)
	if err != nil {
		return 0, err
	}
	for _, e := range found {
		e.Person = nil
		if err := tx.SaveEnrolment(e, e.State); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}

const enrolmentColumns = `role, reference, mark, number, state, time, cid, person, checksum`

// Enrolment returns the enrolment of a mark with the highest number.
func (tx *Tx) Enrolment(role, reference, mark string) (Enrolment, error) {
	found, err := tx.enrolments(`select `+enrolmentColumns+` from enrolments
		where role = $1 and reference = $2 and mark = $3 order by number desc limit 1`, role, reference, mark)
	if err != nil {
		return Enrolment{}, err
	}
	if len(found) == 0 {
		return Enrolment{}, fault.New(fault.NotFound, "%q has no enrolment in network %s", mark, reference)
	}
	return found[0], nil
}

// NewestEnrolments returns of each mark the enrolment with the highest number in a
// state, or in any state for "". A mark without one is missing from the map.
func (tx *Tx) NewestEnrolments(role, reference, state string, marks ...string) (map[string]Enrolment, error) {
	newest := make(map[string]Enrolment)
	for some := range slices.Chunk(marks, maxMarks) {
		args := []any{role, reference}
		list := placeholders(&args, some)
		in := ``
		if state != "" {
			args = append(args, state)
			in = ` and state = $` + strconv.Itoa(len(args))
		}
		found, err := tx.enrolments(`select `+enrolmentColumns+` from enrolments e
			where role = $1 and reference = $2 and mark in (`+list+`)`+in+` and number = (
				select max(number) from enrolments
				where role = e.role and reference = e.reference and mark = e.mark`+in+`)`, args...)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			newest[e.Mark] = e
		}
	}
	return newest, nil
}

// Enrolments returns at most limit enrolments of a network after the one of a mark
// and number, by mark, then number. It begins with those after "" and 0: no mark
// is empty.
func (tx *Tx) Enrolments(role, reference, mark string, number uint64, limit int) ([]Enrolment, error) {
	return tx.enrolments(`select `+enrolmentColumns+` from enrolments
		where role = $1 and reference = $2 and (mark > $3 or (mark = $3 and number > $4))
		order by mark, number limit $5`, role, reference, mark, ordinal(number), limit)
}

// CountEnrolments counts a network's enrolments in a state, or all for "".
func (tx *Tx) CountEnrolments(role, reference, state string) (int, error) {
	query, args := `select count(*) from enrolments where role = $1 and reference = $2`, []any{role, reference}
	if state != "" {
		query, args = query+` and state = $3`, append(args, state)
	}
	var n int
	err := tx.row("count enrolments", query, args, &n)
	return n, err
}

func (tx *Tx) enrolments(query string, args ...any) ([]Enrolment, error) {
	var found []Enrolment
	err := tx.rows("read enrolments", query, args, func(scan func(...any) error) error {
		var e Enrolment
		var n int64
		var c, person, sum []byte
		if err := scan(&e.Role, &e.Reference, &e.Mark, &n, &e.State, &e.Time, &c, &person, &sum); err != nil {
			return err
		}
		if err := checked("enrolment in network "+e.Reference, sum, e.Role, e.Reference, e.Mark, n, e.State, e.Time, c, person); err != nil {
			return err
		}
		e.Number = number(n)
		if len(person) > 0 {
			e.Person = person
		}
		var err error
		e.CID, err = cid(c)
		found = append(found, e)
		return err
	})
	return found, err
}
