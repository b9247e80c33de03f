package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// Replay is what is remembered of a request that carried an Idempotency-Key.
type Replay struct {
	Caller, Path, Key string
	MAC               []byte // keyed hash of the request, never its content
	Status            int    // of the answer
	Answer            string // a CID or reference from which the answer is made again
	Created           int64  // unix milliseconds
}

// PutReplay remembers a request, unless one of the same caller, path and key is
// remembered: then it returns that one, and false.
func (tx *Tx) PutReplay(r Replay) (Replay, bool, error) {
	n, err := tx.exec("put idempotency key", `
		insert into idempotency (caller, path, key, mac, status, answer, created, checksum) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (caller, path, key) do nothing`, r.Caller, r.Path, r.Key, blob(r.MAC), r.Status, r.Answer, r.Created,
		rowSum(r.Caller, r.Path, r.Key, blob(r.MAC), r.Status, r.Answer, r.Created))
	if err != nil || n == 1 {
		return r, err == nil, err
	}
	r, err = tx.Replay(r.Caller, r.Path, r.Key)
	return r, false, err
}

// Replay returns what is remembered of a request.
func (tx *Tx) Replay(caller, path, key string) (Replay, error) {
	r := Replay{Caller: caller, Path: path, Key: key}
	err := tx.row("read idempotency key", `
		select mac, status, answer, created from idempotency where caller = $1 and path = $2 and key = $3`,
		[]any{caller, path, key}, &r.MAC, &r.Status, &r.Answer, &r.Created)
	if errors.Is(err, errNoRow) {
		err = fault.New(fault.NotFound, "idempotency key is not known")
	}
	return r, err
}

// ExpireReplays forgets requests made before a time and counts them.
func (tx *Tx) ExpireReplays(before int64) (int, error) {
	n, err := tx.exec("expire idempotency keys", `delete from idempotency where created < $1`, before)
	return int(n), err
}
