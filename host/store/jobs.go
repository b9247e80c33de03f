package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Job is a piece of work in the outbox.
type Job struct {
	ID       string // made by who enqueues it: the same work, the same id
	Kind     string // selects the handler
	Key      string // names the place it goes to; "" for none
	Payload  []byte // never a secret
	Due      int64  // unix milliseconds, not before
	Attempts int    // how many have failed
	Reason   string // of the newest failure
}

// EnqueueJob adds a job unless its id is there already; fault.Busy when limit
// jobs of its kind are pending.
func (tx *Tx) EnqueueJob(j Job, limit int) error {
	n, err := tx.exec("enqueue job", `
		insert into jobs (id, kind, key, payload, state, due, lease, owner, attempts, reason, created)
		values ($1, $2, $3, $4, 'pending', $5, 0, '', 0, '', $5) on conflict (id) do nothing`,
		j.ID, j.Kind, j.Key, blob(j.Payload), j.Due)
	if err != nil || n == 0 {
		return err
	}
	var pending int
	err = tx.change("enqueue job", `
		insert into job_counts (kind, pending) values ($1, 1)
		on conflict (kind) do update set pending = job_counts.pending + 1 returning pending`, []any{j.Kind}, &pending)
	if err == nil && pending > limit {
		err = fault.New(fault.Busy, "%d jobs of kind %s are waiting already", pending-1, j.Kind)
	}
	return err
}

// JobsDue reports when the next pending job of a kind may be claimed, in unix
// milliseconds; false when there is none. It disregards holds.
func (tx *Tx) JobsDue(kind string) (int64, bool, error) {
	var due int64
	err := tx.row("find due jobs", `
		select due from jobs where kind = $1 and state = 'pending' order by due limit 1`, []any{kind}, &due)
	if errors.Is(err, errNoRow) {
		return 0, false, nil
	}
	return due, err == nil, err
}

// ClaimJobs gives owner at most n due jobs of the kinds, oldest due first, until
// now+lease (milliseconds). A job claimed by another, or whose key is held back,
// is passed over. The claim is one compare-and-set statement, so that several
// processes may claim at once.
func (tx *Tx) ClaimJobs(owner string, kinds []string, now, lease int64, n int) ([]Job, error) {
	var claimed []Job
	for _, kind := range kinds {
		if len(claimed) >= n {
			break
		}
		if err := tx.usable(true); err != nil {
			return nil, err
		}
		err := tx.rows("claim jobs", `
			update jobs set owner = $1, lease = $2 where lease <= $3 and state = 'pending' and id in (
				select j.id from jobs j
				where j.kind = $4 and j.state = 'pending' and j.due <= $3 and j.lease <= $3 and (j.key = '' or not exists (
					select 1 from job_holds h where h.kind = j.kind and h.key = j.key and h.until > $3))
				order by j.due limit $5)
			returning id, kind, key, payload, due, attempts, reason`,
			[]any{owner, now + lease, now, kind, n - len(claimed)}, func(scan func(...any) error) error {
				var j Job
				if err := scan(&j.ID, &j.Kind, &j.Key, &j.Payload, &j.Due, &j.Attempts, &j.Reason); err != nil {
					return err
				}
				claimed = append(claimed, j)
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return claimed, nil
}

// ReleaseJobs ends all claims of a kind. Only for a store that no other process
// shares, at start.
func (tx *Tx) ReleaseJobs(kind string) error {
	_, err := tx.exec("release jobs", `update jobs set lease = 0, owner = '' where kind = $1 and state = 'pending' and lease > 0`, kind)
	return err
}

// FinishJob removes a job that owner has done. It is not an error when another
// has claimed and finished it meanwhile.
func (tx *Tx) FinishJob(owner string, j Job) error {
	n, err := tx.exec("finish job", `delete from jobs where id = $1 and owner = $2 and state = 'pending'`, j.ID, owner)
	if err != nil || n == 0 {
		return err
	}
	return tx.uncount(j.Kind)
}

// DelayJob gives a claimed job back, to be tried again at due.
func (tx *Tx) DelayJob(owner, id string, due int64, attempts int, reason string) error {
	_, err := tx.exec("delay job", `
		update jobs set due = $1, attempts = $2, reason = $3, lease = 0, owner = ''
		where id = $4 and owner = $5 and state = 'pending'`, due, attempts, reason, id, owner)
	return err
}

// ParkJob sets aside a job that cannot succeed. It counts as failed, no longer
// as pending.
func (tx *Tx) ParkJob(owner string, j Job, now int64, reason string) error {
	n, err := tx.exec("park job", `
		update jobs set state = 'failed', due = $1, attempts = $2, reason = $3, lease = 0, owner = ''
		where id = $4 and owner = $5 and state = 'pending'`, now, j.Attempts, reason, j.ID, owner)
	if err != nil || n == 0 {
		return err
	}
	return tx.uncount(j.Kind)
}

func (tx *Tx) uncount(kind string) error {
	_, err := tx.exec("count jobs", `update job_counts set pending = pending - 1 where kind = $1`, kind)
	return err
}

// HoldJobs keeps all jobs of a kind and key back until a time: the place they go
// to does not answer.
func (tx *Tx) HoldJobs(kind, key string, until int64, attempts int, reason string) error {
	_, err := tx.exec("hold jobs", `
		insert into job_holds (kind, key, until, attempts, reason) values ($1, $2, $3, $4, $5)
		on conflict (kind, key) do update set until = excluded.until, attempts = excluded.attempts, reason = excluded.reason`,
		kind, key, until, attempts, reason)
	return err
}

// HeldJobs says how often in a row a kind and key have been held back: 0 when
// they are not.
func (tx *Tx) HeldJobs(kind, key string) (attempts int, err error) {
	err = tx.row("read hold", `select attempts from job_holds where kind = $1 and key = $2`, []any{kind, key}, &attempts)
	if errors.Is(err, errNoRow) {
		return 0, nil
	}
	return attempts, err
}

// UnholdJobs ends a hold: the place answers again.
func (tx *Tx) UnholdJobs(kind, key string) error {
	_, err := tx.exec("unhold jobs", `delete from job_holds where kind = $1 and key = $2`, kind, key)
	return err
}

// CountJobs counts the pending jobs of a kind.
func (tx *Tx) CountJobs(kind string) (int, error) {
	var n int
	err := tx.row("count jobs", `select pending from job_counts where kind = $1`, []any{kind}, &n)
	if errors.Is(err, errNoRow) {
		return 0, nil
	}
	return n, err
}

// OldestJob returns when the oldest pending job of a kind was enqueued; false
// when there is none.
func (tx *Tx) OldestJob(kind string) (int64, bool, error) {
	var created *int64
	err := tx.row("find oldest job", `select min(created) from jobs where kind = $1 and state = 'pending'`, []any{kind}, &created)
	if err != nil || created == nil {
		return 0, false, err
	}
	return *created, true, nil
}

// FailingJob returns the pending job of a kind that failed most often; false when
// none has failed.
func (tx *Tx) FailingJob(kind string) (Job, bool, error) {
	jobs, err := tx.jobs(`select id, kind, key, payload, due, attempts, reason from jobs
		where kind = $1 and state = 'pending' and attempts > 0 order by attempts desc limit 1`, kind)
	if err != nil || len(jobs) == 0 {
		return Job{}, false, err
	}
	return jobs[0], true, nil
}

// ParkedJobs returns at most n jobs of a kind that were parked, newest first.
func (tx *Tx) ParkedJobs(kind string, n int) ([]Job, error) {
	return tx.jobs(`select id, kind, key, payload, due, attempts, reason from jobs
		where kind = $1 and state = 'failed' order by due desc limit $2`, kind, n)
}

// DropParkedJobs forgets jobs parked before a time.
func (tx *Tx) DropParkedJobs(before int64) error {
	_, err := tx.exec("drop parked jobs", `delete from jobs where state = 'failed' and due < $1`, before)
	return err
}

func (tx *Tx) jobs(query string, args ...any) ([]Job, error) {
	var found []Job
	err := tx.rows("read jobs", query, args, func(scan func(...any) error) error {
		var j Job
		if err := scan(&j.ID, &j.Kind, &j.Key, &j.Payload, &j.Due, &j.Attempts, &j.Reason); err != nil {
			return err
		}
		found = append(found, j)
		return nil
	})
	return found, err
}
