package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// PutDeposit keeps what a custody plugin gave back for something it safeguards,
// unless there is a deposit under the same instance, purpose and id already. It
// returns the one that is kept: the first.
func (tx *Tx) PutDeposit(instance, purpose, id string, deposit []byte) ([]byte, error) {
	n, err := tx.exec("put deposit", `
		insert into deposits (instance, purpose, id, deposit, checksum) values ($1, $2, $3, $4, $5)
		on conflict (instance, purpose, id) do nothing`,
		instance, purpose, id, blob(deposit), rowSum(instance, purpose, id, blob(deposit)))
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return deposit, nil
	}
	return tx.Deposit(instance, purpose, id)
}

// Deposit returns a deposit; fault.NotFound when there is none.
func (tx *Tx) Deposit(instance, purpose, id string) ([]byte, error) {
	var d, sum []byte
	err := tx.row("read deposit", `select deposit, checksum from deposits where instance = $1 and purpose = $2 and id = $3`,
		[]any{instance, purpose, id}, &d, &sum)
	if errors.Is(err, errNoRow) {
		return nil, fault.New(fault.NotFound, "custody %s has no deposit for %s %s", instance, purpose, id)
	}
	if err != nil {
		return nil, err
	}
	return d, checked("deposit of order "+id, sum, instance, purpose, id, d)
}
