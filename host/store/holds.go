package store

import "errors"

// HoldJobs keeps all jobs of a kind that go to a place back until a time (unix
// milliseconds): the place did not answer, attempts times in a row.
func (tx *Tx) HoldJobs(kind, place string, until int64, attempts int, reason string) error {
	_, err := tx.exec("hold jobs", `
		insert into job_holds (kind, place, until, attempts, reason) values ($1, $2, $3, $4, $5)
		on conflict (kind, place) do update set until = excluded.until, attempts = excluded.attempts, reason = excluded.reason`,
		kind, place, until, attempts, reason)
	return err
}

// HeldJobs returns until when a place is held and how often in a row it did not
// answer; zeros when it answers.
func (tx *Tx) HeldJobs(kind, place string) (until int64, attempts int, err error) {
	err = tx.row("read hold", `select until, attempts from job_holds where kind = $1 and place = $2`, []any{kind, place}, &until, &attempts)
	if errors.Is(err, errNoRow) {
		return 0, 0, nil
	}
	return until, attempts, err
}

// UnholdJobs ends a hold: the place answers again.
func (tx *Tx) UnholdJobs(kind, place string) error {
	_, err := tx.exec("unhold jobs", `delete from job_holds where kind = $1 and place = $2`, kind, place)
	return err
}
