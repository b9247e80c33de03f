package ledger

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
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
	s, err := sound(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer s.close()
	err = s.change(ctx, func(c *change) error {
		all, err := rows(ctx, c.Tx, `name = ? and wrong > 0`, name)
		if err == nil && len(all) == 0 {
			err = errNothing
		}
		for _, r := range all {
			if err == nil {
				err = c.update(ctx, r.Subject, `wrong = 0`)
			}
		}
		n = len(all)
		return err
	})
	if errors.Is(err, errNothing) {
		return 0, nil
	}
	return n, err
}

// Entries lists the subjects that have had wrong PINs since their last right one,
// by name.
func Entries(ctx context.Context, dir string) (all []Entry, err error) {
	s, err := sound(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer s.close()
	err = within(ctx, s.db, func(tx *sql.Tx) error {
		found, err := rows(ctx, tx, `wrong > 0 order by name, enrolment`)
		for _, r := range found {
			all = append(all, Entry{Subject: r.Subject, Wrong: int(r.wrong), Last: time.UnixMilli(r.changed)})
		}
		return err
	})
	return all, err
}

// sound opens a server's state beside the server. One that has lost something is
// for the server to go on with.
func sound(ctx context.Context, dir string) (*state, error) {
	dir = filepath.Clean(dir)
	found, err := look(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := found.refused(dir, nil); err != nil {
		return nil, err
	}
	db, err := connect(dir, "rw")
	if err != nil {
		return nil, err
	}
	return &state{dir: dir, db: db}, nil
}
