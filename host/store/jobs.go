package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Job is a piece of work in the outbox.
type Job struct {
	Kind     string // selects the handler
	Key      string // names the work within its kind
	Place    string // where it goes, "" for nowhere in particular
	Payload  []byte // never a secret
	Due      int64  // unix milliseconds, not before
	Attempts int    // how many have failed
	Reason   string // of the newest failure
}

const jobColumns = `kind, key, place, payload, due, attempts, reason`

// EnqueueJob adds a job, unless the same work (kind and key) is pending already.
// One that was parked is taken up again. fault.Busy when limit jobs of its kind
// are pending.
func (tx *Tx) EnqueueJob(j Job, limit int) error {
	n, err := tx.exec("enqueue job", `
		insert into jobs (kind, key, place, payload, state, due, lease, owner, attempts, reason, created)
		values ($1, $2, $3, $4, 'pending', $5, 0, '', 0, '', $5)
		on conflict (kind, key) do update set state = 'pending', place = excluded.place, payload = excluded.payload,
			due = excluded.due, attempts = 0, reason = '', created = excluded.created
		where jobs.state = 'failed'`, j.Kind, j.Key, j.Place, blob(j.Payload), j.Due)
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

// HastenJob brings a pending job that has not failed yet forward to due; one that
// has keeps its back-off.
func (tx *Tx) HastenJob(kind, key string, due int64) error {
	_, err := tx.exec("hasten job", `
		update jobs set due = $1 where kind = $2 and key = $3 and state = 'pending' and attempts = 0 and due > $1`, due, kind, key)
	return err
}

// RetryJobs ends the back-off of every job of a kind that has failed.
func (tx *Tx) RetryJobs(kind string, now int64) error {
	_, err := tx.exec("retry jobs", `
		update jobs set due = $1 where kind = $2 and state = 'pending' and attempts > 0 and due > $1`, now, kind)
	return err
}

// ClaimJobs gives owner at most n due jobs of the kinds, the longest due first,
// until now+lease (milliseconds). Jobs that another has claimed, or whose place
// is held, are passed over. The claim is one compare-and-set statement, so that
// several processes may claim at once.
func (tx *Tx) ClaimJobs(owner string, kinds []string, now, lease int64, n int) ([]Job, error) {
	if err := tx.usable(true); err != nil {
		return nil, err
	}
	var claimed []Job
	for _, kind := range kinds {
		if len(claimed) >= n {
			break
		}
		found, err := tx.jobs(`
			update jobs set owner = $1, lease = $2
			where kind = $3 and state = 'pending' and lease <= $4 and key in (
				select j.key from jobs j
				where j.kind = $3 and j.state = 'pending' and j.due <= $4 and j.lease <= $4 and (j.place = '' or not exists (
					select 1 from job_holds h where h.kind = j.kind and h.place = j.place and h.until > $4))
				order by j.due limit $5)
			returning `+jobColumns, owner, now+lease, kind, now, n-len(claimed))
		if err != nil {
			return nil, err
		}
		claimed = append(claimed, found...)
	}
	return claimed, nil
}

// NextJob says when a pending job of a kind can next be claimed, in unix
// milliseconds; false when none is pending. A job that is claimed counts when
// its claim ends, one whose place is held when the hold ends.
func (tx *Tx) NextJob(kind string) (int64, bool, error) {
	var at *int64
	err := tx.row("find next job", `
		select min(case when j.lease > j.due and j.lease > coalesce(h.until, 0) then j.lease
			when coalesce(h.until, 0) > j.due then h.until else j.due end)
		from (select kind, place, due, lease from jobs where kind = $1 and state = 'pending' order by due limit 256) j
		left join job_holds h on h.kind = j.kind and h.place = j.place and j.place <> ''`, []any{kind}, &at)
	if err != nil || at == nil {
		return 0, false, err
	}
	return *at, true, nil
}

// ReleaseJobs ends all claims of a kind, and brings forward to now what was left
// for later in case an attempt elsewhere failed: whoever made it is gone. Only
// for a store that no other process shares, at start.
func (tx *Tx) ReleaseJobs(kind string, now int64) error {
	if _, err := tx.exec("release jobs", `
		update jobs set lease = 0, owner = '' where kind = $1 and state = 'pending' and lease > 0`, kind); err != nil {
		return err
	}
	_, err := tx.exec("release jobs", `
		update jobs set due = $1 where kind = $2 and state = 'pending' and attempts = 0 and due > $1`, now, kind)
	return err
}

// RewindJobs has every wait of a kind after a failure, and every hold, end by latest
// (unix milliseconds): what would last longer was written while the clock ran ahead.
func (tx *Tx) RewindJobs(kind string, latest int64) error {
	if _, err := tx.exec("rewind jobs", `
		update jobs set due = $1 where kind = $2 and state = 'pending' and attempts > 0 and due > $1`, latest, kind); err != nil {
		return err
	}
	_, err := tx.exec("rewind holds", `update job_holds set until = $1 where kind = $2 and until > $1`, latest, kind)
	return err
}

// FinishJob removes a job that owner has done; nothing when another claimed it
// meanwhile.
func (tx *Tx) FinishJob(owner, kind, key string) error {
	n, err := tx.exec("finish job", `
		delete from jobs where kind = $1 and key = $2 and owner = $3 and state = 'pending'`, kind, key, owner)
	if err != nil || n == 0 {
		return err
	}
	return tx.uncount(kind)
}

// CancelJob removes a job, whoever has claimed it and also when it was parked.
func (tx *Tx) CancelJob(kind, key string) error {
	n, err := tx.exec("cancel job", `delete from jobs where kind = $1 and key = $2 and state = 'pending'`, kind, key)
	if err != nil {
		return err
	}
	if n == 1 {
		return tx.uncount(kind)
	}
	_, err = tx.exec("cancel job", `delete from jobs where kind = $1 and key = $2`, kind, key)
	return err
}

// DelayJob gives a job that owner has claimed back, to be tried again at j.Due,
// and keeps its attempts and reason.
func (tx *Tx) DelayJob(owner string, j Job) error {
	_, err := tx.exec("delay job", `
		update jobs set due = $1, attempts = $2, reason = $3, lease = 0, owner = ''
		where kind = $4 and key = $5 and owner = $6 and state = 'pending'`,
		j.Due, j.Attempts, j.Reason, j.Kind, j.Key, owner)
	return err
}

// ParkJob sets aside a job of owner's that cannot succeed, with its attempts and
// reason, as of j.Due. It counts as failed, no longer as pending.
func (tx *Tx) ParkJob(owner string, j Job) error {
	n, err := tx.exec("park job", `
		update jobs set state = 'failed', due = $1, attempts = $2, reason = $3, lease = 0, owner = ''
		where kind = $4 and key = $5 and owner = $6 and state = 'pending'`,
		j.Due, j.Attempts, j.Reason, j.Kind, j.Key, owner)
	if err != nil || n == 0 {
		return err
	}
	return tx.uncount(j.Kind)
}

func (tx *Tx) uncount(kind string) error {
	_, err := tx.exec("count jobs", `update job_counts set pending = pending - 1 where kind = $1`, kind)
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

// OldestJob returns when the oldest pending job of a kind fell due for the first
// time; false when there is none.
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
	found, err := tx.jobs(`select `+jobColumns+` from jobs
		where kind = $1 and state = 'pending' and attempts > 0 order by attempts desc limit 1`, kind)
	if err != nil || len(found) == 0 {
		return Job{}, false, err
	}
	return found[0], true, nil
}

// ParkedJobs returns at most n parked jobs of a kind, the newest first.
func (tx *Tx) ParkedJobs(kind string, n int) ([]Job, error) {
	return tx.jobs(`select `+jobColumns+` from jobs where kind = $1 and state = 'failed' order by due desc limit $2`, kind, n)
}

// CountParkedJobs counts the parked jobs of a kind.
func (tx *Tx) CountParkedJobs(kind string) (int, error) {
	var n int
	err := tx.row("count jobs", `select count(*) from jobs where kind = $1 and state = 'failed'`, []any{kind}, &n)
	return n, err
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
		if err := scan(&j.Kind, &j.Key, &j.Place, &j.Payload, &j.Due, &j.Attempts, &j.Reason); err != nil {
			return err
		}
		found = append(found, j)
		return nil
	})
	return found, err
}
