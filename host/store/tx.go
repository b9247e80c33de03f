package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Tx is what a closure may do to the store. It is valid until the closure
// returns and belongs to the goroutine that runs it.
type Tx struct {
	c         *connection
	write     bool
	ended     bool
	broken    error // the first failure of the database itself
	refused   error
	stamps    *stamps
	repaired  []dag.CID
	committed []func()
	undone    []func()
	// of the file as it was found: see ApplicationID
	applicationID uint32
}

// AfterCommit has f called once what this closure wrote is durable, before
// Update returns. f runs in the writer's goroutine and must be quick.
func (tx *Tx) AfterCommit(f func()) { tx.committed = append(tx.committed, f) }

// AfterRollback has f called if what this closure wrote is undone, for whatever
// reason, before another closure runs.
func (tx *Tx) AfterRollback(f func()) { tx.undone = append(tx.undone, f) }

// Refuse makes the closure fail with err, whatever it returns: for writes that
// must not be left out because a caller overlooked an error.
func (tx *Tx) Refuse(err error) {
	if tx.refused == nil {
		tx.refused = err
	}
}

// Broken is why the database itself failed in this transaction; nil where it has not.
func (tx *Tx) Broken() error { return tx.broken }

var errNoRow = errors.New("no row")

func (tx *Tx) usable(write bool) error {
	switch {
	case tx.ended:
		return fault.New(fault.Internal, "store transaction used after its closure returned")
	case tx.broken != nil:
		return tx.broken
	case write && !tx.write:
		return fault.New(fault.Internal, "store write within a view")
	}
	return nil
}

func (tx *Tx) failed(doing string, err error) error {
	err = failed(doing, err)
	if tx.broken == nil && (fault.Of(err) == fault.Unavailable || errors.Is(err, ErrDamaged)) {
		tx.broken = err
	}
	return err
}

// exec runs a statement and says how many rows it touched.
func (tx *Tx) exec(doing, query string, args ...any) (int64, error) {
	if err := tx.usable(true); err != nil {
		return 0, err
	}
	n, err := tx.c.exec(query, args...)
	if err != nil {
		return 0, tx.failed(doing, err)
	}
	return n, nil
}

// row reads the first row into dest; errNoRow when there is none.
func (tx *Tx) row(doing, query string, args []any, dest ...any) error {
	found := false
	err := tx.rows(doing, query, args, func(scan func(...any) error) error {
		if found {
			return nil
		}
		found = true
		return scan(dest...)
	})
	if err == nil && !found {
		return errNoRow
	}
	return err
}

// change is row for a statement that writes (… returning …).
func (tx *Tx) change(doing, query string, args []any, dest ...any) error {
	if err := tx.usable(true); err != nil {
		return err
	}
	return tx.row(doing, query, args, dest...)
}

// rows calls each for every row. All rows are read before it returns: a cursor
// left open would keep the transaction from committing.
func (tx *Tx) rows(doing, query string, args []any, each func(scan func(...any) error) error) error {
	if err := tx.usable(false); err != nil {
		return err
	}
	rows, err := tx.c.query(query, args...)
	if err != nil {
		return tx.failed(doing, err)
	}
	for rows.Next() {
		if err = each(rows.Scan); err != nil {
			break
		}
	}
	if err == nil {
		err = rows.Err()
	}
	if e := rows.Close(); err == nil {
		err = e
	}
	if err != nil {
		return tx.failed(doing, err)
	}
	return nil
}

// blob stores nil as an empty value: columns here are never null.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
