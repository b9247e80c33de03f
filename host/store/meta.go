package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/fault"
)

// SetMeta keeps one value of the node itself under a name.
func (tx *Tx) SetMeta(name string, value []byte) error {
	_, err := tx.exec("set "+name, `
		insert into meta (name, value) values ($1, $2)
		on conflict (name) do update set value = excluded.value`, name, blob(value))
	return err
}

// Meta returns the value under a name; fault.NotFound when it was never set.
func (tx *Tx) Meta(name string) ([]byte, error) {
	var v []byte
	err := tx.row("read "+name, `select value from meta where name = $1`, []any{name}, &v)
	if errors.Is(err, errNoRow) {
		return nil, fault.New(fault.NotFound, "%s was never set", name)
	}
	return v, err
}
