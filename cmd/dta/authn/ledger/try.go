package ledger

import (
	"context"
	"database/sql"
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Try is one try of a subject's PIN that was begun. It is ended once.
type Try struct {
	l     *Ledger
	of    Subject
	ended bool
}

// Begin spends one of the subject's tries; on disk when it returns nil. The
// error is ErrLocked, or fault.Busy where other tries under way may spend all
// that are left.
func (l *Ledger) Begin(ctx context.Context, s Subject) (*Try, error) {
	err := l.change(ctx, func(c *change) error {
		wrong, pending, err := count(ctx, c.Tx, s)
		switch {
		case err != nil:
			return err
		case wrong >= l.attempts:
			return ErrLocked
		case wrong+pending >= l.attempts:
			return fault.New(fault.Busy, "other logins of %s are under way", s)
		}
		return c.on(ctx, s, func() error {
			_, err = c.ExecContext(ctx, `insert into tries (name, enrolment, pending, changed) values (?1, ?2, 1, ?3)
				on conflict do update set pending = pending + 1, changed = ?3`, s.Name, int64(s.Enrolment), l.now().UnixMilli())
			return failed("write a try", err)
		})
	})
	if err != nil {
		return nil, err
	}
	return &Try{l: l, of: s}, nil
}

// Locked tells whether the subject has no tries left.
func (l *Ledger) Locked(ctx context.Context, s Subject) (locked bool, err error) {
	err = within(ctx, l.db, func(tx *sql.Tx) error {
		wrong, _, err := count(ctx, tx, s)
		locked = wrong >= l.attempts
		return err
	})
	return locked, err
}

func count(ctx context.Context, tx *sql.Tx, s Subject) (wrong, pending int, err error) {
	err = tx.QueryRowContext(ctx, `select wrong, pending from tries where name = ? and enrolment = ?`, s.Name, int64(s.Enrolment)).Scan(&wrong, &pending)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	return wrong, pending, failed("read the tries", err)
}

// Right ends the try with the right PIN: the wrong ones before it are forgotten.
func (t *Try) Right(ctx context.Context) error {
	_, err := t.end(ctx, `update tries set wrong = 0, pending = pending - 1, changed = ?3 where name = ?1 and enrolment = ?2 and pending > 0`)
	return err
}

// Wrong ends the try with a wrong PIN and tells how many are left.
func (t *Try) Wrong(ctx context.Context) (left int, err error) {
	wrong, err := t.end(ctx, `update tries set wrong = wrong + 1, pending = pending - 1, changed = ?3 where name = ?1 and enrolment = ?2 and pending > 0`)
	return max(0, t.l.attempts-wrong), err
}

// Void ends the try as none: what came was not made with the subject's token.
func (t *Try) Void(ctx context.Context) error {
	_, err := t.end(ctx, `update tries set pending = pending - 1, changed = ?3 where name = ?1 and enrolment = ?2 and pending > 0`)
	return err
}

func (t *Try) end(ctx context.Context, how string) (wrong int, err error) {
	if t.ended {
		return 0, fault.New(fault.Internal, "end a try: it has ended")
	}
	t.ended = true
	err = t.l.change(ctx, func(c *change) error {
		return c.on(ctx, t.of, func() (err error) { wrong, err = t.write(ctx, c, how); return err })
	})
	return wrong, err
}

func (t *Try) write(ctx context.Context, c *change, how string) (wrong int, err error) {
	done, err := c.ExecContext(ctx, how, t.of.Name, int64(t.of.Enrolment), t.l.now().UnixMilli())
	if err != nil {
		return 0, failed("end a try", err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		return 0, failed("end a try", err)
	}
	if n == 0 { // an unlocking keeps what is under way
		return 0, fault.New(fault.Internal, "end a try of %s: the server's state knows of none", t.of)
	}
	if wrong, _, err = count(ctx, c.Tx, t.of); err != nil {
		return 0, err
	}
	// A subject without a blemish needs no line: strangers cannot fill the disk
	// with names.
	_, err = c.ExecContext(ctx, `delete from tries where name = ? and enrolment = ? and wrong = 0 and pending = 0`, t.of.Name, int64(t.of.Enrolment))
	return wrong, failed("end a try", err)
}
