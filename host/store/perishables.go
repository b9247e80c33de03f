package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Perish says that a detached block is to be forgotten after a time, in unix
// milliseconds. The first time said stands.
func (tx *Tx) Perish(c dag.CID, expires int64) error {
	_, err := tx.exec("put perishable", `
		insert into perishables (cid, expires, checksum) values ($1, $2, $3) on conflict (cid) do nothing`,
		c.Bytes(), expires, rowSum(c.Bytes(), expires))
	return err
}

// DropPerished forgets at most n of the blocks whose time is over, the oldest
// first, and counts them. Their bytes are overwritten in the file.
func (tx *Tx) DropPerished(now int64, n int) (int, error) {
	var over []dag.CID
	err := tx.rows("find perished blocks", `select cid from perishables where expires < $1 order by expires limit $2`, []any{now, n},
		func(scan func(...any) error) error {
			var b []byte
			if err := scan(&b); err != nil {
				return err
			}
			c, err := cid(b)
			over = append(over, c)
			return err
		})
	if err != nil {
		return 0, err
	}
	for _, c := range over {
		if err := tx.DropPerishable(c); err != nil {
			return 0, err
		}
	}
	return len(over), nil
}

// Perishes says when a block is to be forgotten; fault.NotFound for one that stays.
func (tx *Tx) Perishes(c dag.CID) (int64, error) {
	var at int64
	err := tx.row("read perishable", `select expires from perishables where cid = $1`, []any{c.Bytes()}, &at)
	if errors.Is(err, errNoRow) {
		err = fault.New(fault.NotFound, "block %s is not to be forgotten", c)
	}
	return at, err
}

// NextPerish says when the first of the blocks that are still to be forgotten is to
// be, in unix milliseconds; false when there is none.
func (tx *Tx) NextPerish() (int64, bool, error) {
	var at *int64
	err := tx.row("find next perishable", `select min(expires) from perishables`, nil, &at)
	if err != nil || at == nil {
		return 0, false, err
	}
	return *at, true, nil
}

// PerishBy has a block that is to be forgotten go by a time, in unix milliseconds,
// if it would stay for longer.
func (tx *Tx) PerishBy(c dag.CID, expires int64) error {
	_, err := tx.exec("hasten perishable", `update perishables set expires = $1, checksum = $2 where cid = $3 and expires > $1`,
		expires, rowSum(c.Bytes(), expires), c.Bytes())
	return err
}

// Perishables returns at most n of the blocks that are to be forgotten, by their
// CIDs, after one (undefined: from the first).
func (tx *Tx) Perishables(after dag.CID, n int) ([]dag.CID, error) {
	var found []dag.CID
	err := tx.rows("read perishables", `select cid from perishables where cid > $1 order by cid limit $2`, []any{link(after), n},
		func(scan func(...any) error) error {
			var b []byte
			if err := scan(&b); err != nil {
				return err
			}
			c, err := cid(b)
			found = append(found, c)
			return err
		})
	return found, err
}

// DropPerishable forgets a block before its time.
func (tx *Tx) DropPerishable(c dag.CID) error {
	if err := tx.DropBlock(c); err != nil {
		return err
	}
	_, err := tx.exec("drop perishable", `delete from perishables where cid = $1`, c.Bytes())
	return err
}
