package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// PutAnswer remembers for ever which envelope answered a request, and the
// detached block that went with it (undefined for none). The first answer
// stands: repeating it changes nothing, another one is fault.Conflict.
func (tx *Tx) PutAnswer(request, answer, detached dag.CID) error {
	n, err := tx.exec("put answer", `
		insert into answers (request, answer, detached, checksum) values ($1, $2, $3, $4) on conflict (request) do nothing`,
		request.Bytes(), link(answer), link(detached), rowSum(request.Bytes(), link(answer), link(detached)))
	if err != nil || n == 1 {
		return err
	}
	a, d, err := tx.Answer(request)
	if err == nil && (a != answer || d != detached) {
		err = fault.New(fault.Conflict, "request %s was answered with %s", request, a)
	}
	return err
}

// Answer returns what a request was answered with.
func (tx *Tx) Answer(request dag.CID) (answer, detached dag.CID, err error) {
	var a, d, sum []byte
	err = tx.row("read answer", `select answer, detached, checksum from answers where request = $1`, []any{request.Bytes()}, &a, &d, &sum)
	if errors.Is(err, errNoRow) {
		return dag.CID{}, dag.CID{}, fault.New(fault.NotFound, "request %s has no answer yet", request)
	}
	if err != nil {
		return dag.CID{}, dag.CID{}, err
	}
	if err := checked("answer to "+request.String(), sum, request.Bytes(), a, d); err != nil {
		return dag.CID{}, dag.CID{}, err
	}
	if answer, err = cid(a); err != nil {
		return dag.CID{}, dag.CID{}, err
	}
	detached, err = cid(d)
	return answer, detached, err
}
