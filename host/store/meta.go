package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// SetMeta keeps one value of the node itself under a name.
func (tx *Tx) SetMeta(name string, value []byte) error {
	_, err := tx.exec("set "+name, `
		insert into meta (name, value, checksum) values ($1, $2, $3)
		on conflict (name) do update set value = excluded.value, checksum = excluded.checksum`,
		name, blob(value), rowSum(name, blob(value)))
	return err
}

// Meta returns the value under a name; fault.NotFound when it was never set.
func (tx *Tx) Meta(name string) ([]byte, error) {
	var v, sum []byte
	err := tx.row("read "+name, `select value, checksum from meta where name = $1`, []any{name}, &v, &sum)
	if errors.Is(err, errNoRow) {
		return nil, fault.New(fault.NotFound, "%s was never set", name)
	}
	if err != nil {
		return nil, err
	}
	return v, checked(name, sum, name, v)
}
