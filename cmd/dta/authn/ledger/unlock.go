package ledger

import (
	"context"
	"time"
)

// Entry is a subject that has had wrong PINs.
type Entry struct {
	Subject
	Wrong int
	Last  time.Time
}

// Unlock forgets the wrong PINs of a name, all its enrolments, in a server's
// state, whether or not the server runs, and tells how many enrolments there
// were. What is under way stays spent.
func Unlock(ctx context.Context, dir, name string) (n int, err error) {
	db, err := open(ctx, dir, 0)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	done, err := db.ExecContext(ctx, `update tries set wrong = 0 where name = ? and wrong > 0`, name)
	if err != nil {
		return 0, failed("unlock", err)
	}
	count, err := done.RowsAffected()
	return int(count), failed("unlock", err)
}

// Entries lists the subjects that have had wrong PINs since their last right one,
// by name.
func Entries(ctx context.Context, dir string) (all []Entry, err error) {
	db, err := open(ctx, dir, 0)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `select name, enrolment, wrong, changed from tries where wrong > 0 order by name, enrolment`)
	if err != nil {
		return nil, failed("list", err)
	}
	defer rows.Close()
	for rows.Next() {
		var e Entry
		var enrolment, changed int64
		if err := rows.Scan(&e.Name, &enrolment, &e.Wrong, &changed); err != nil {
			return nil, failed("list", err)
		}
		e.Enrolment, e.Last = uint64(enrolment), time.UnixMilli(changed)
		all = append(all, e)
	}
	return all, failed("list", rows.Err())
}
