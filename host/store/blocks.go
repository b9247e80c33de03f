package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// PutBlock keeps a block under its CID. Repeating it changes nothing, except
// that public may be raised, a block that belonged to no order (chain "") may
// be given one, and one that is damaged in the store is written anew (see
// [Tx.Repaired]). chain is the order's: see [Link].
func (tx *Tx) PutBlock(c dag.CID, block []byte, public bool, chain string) error {
	if err := dag.Check(c, block); err != nil {
		return err
	}
	visible := 0
	if public {
		visible = 1
	}
	n, err := tx.exec("put block", `
		insert into blocks (cid, block, public, chain, checksum) values ($1, $2, $3, $4, $5) on conflict (cid) do nothing`,
		c.Bytes(), blob(block), visible, chain, rowSum(c.Bytes(), visible, chain))
	if err != nil || n == 1 {
		return err
	}
	kept, err := tx.block(c)
	if err != nil {
		return err
	}
	was := kept
	if kept.sound() {
		visible = max(visible, kept.visible)
		if kept.chain != "" {
			chain = kept.chain
		}
	}
	kept.visible, kept.chain = visible, chain
	return tx.rewrite(was, kept, block, rowSum(c.Bytes(), visible, chain))
}

// RepairBlock writes a damaged block anew, and reports whether it was damaged.
// fault.NotFound where the block is not kept.
func (tx *Tx) RepairBlock(c dag.CID, block []byte) (bool, error) {
	if err := dag.Check(c, block); err != nil {
		return false, err
	}
	kept, err := tx.block(c)
	if err != nil {
		return false, err
	}
	return dag.Check(c, kept.block) != nil, tx.rewrite(kept, kept, block, kept.checksum)
}

// Repaired lists the blocks that this transaction found damaged and wrote anew.
func (tx *Tx) Repaired() []dag.CID { return tx.repaired }

// storedBlock is a row as it was found.
type storedBlock struct {
	cid      dag.CID
	block    []byte
	visible  int
	chain    string
	checksum []byte
}

// sound tells whether the row beside the block is as it was written.
func (b storedBlock) sound() bool {
	return bytes.Equal(b.checksum, rowSum(b.cid.Bytes(), b.visible, b.chain))
}

func (tx *Tx) block(c dag.CID) (storedBlock, error) {
	b := storedBlock{cid: c}
	err := tx.row("read block", `select block, public, chain, checksum from blocks where cid = $1`,
		[]any{c.Bytes()}, &b.block, &b.visible, &b.chain, &b.checksum)
	if errors.Is(err, errNoRow) {
		err = fault.New(fault.NotFound, "block %s is not kept here", c)
	}
	return b, err
}

// rewrite brings a row up to date, and puts the block right where it is damaged.
func (tx *Tx) rewrite(was, now storedBlock, block, sum []byte) error {
	if dag.Check(was.cid, was.block) != nil {
		_, err := tx.exec("repair block", `update blocks set block = $1, public = $2, chain = $3, checksum = $4 where cid = $5`,
			blob(block), now.visible, now.chain, sum, now.cid.Bytes())
		if err == nil {
			tx.repaired = append(tx.repaired, now.cid)
		}
		return err
	}
	if was.visible == now.visible && was.chain == now.chain && bytes.Equal(was.checksum, sum) {
		return nil
	}
	_, err := tx.exec("put block", `update blocks set public = $1, chain = $2, checksum = $3 where cid = $4`,
		now.visible, now.chain, sum, now.cid.Bytes())
	return err
}

// DamagedBlock says that a block no longer hashes to its CID. It is [ErrDamaged].
type DamagedBlock struct {
	CID   dag.CID
	Chain string // of the order that it belongs to; "" for none
	err   error
}

func (d *DamagedBlock) Error() string {
	return fmt.Sprintf("block %s: %v in the store: %v", d.CID, ErrDamaged, d.err)
}

// Unwrap makes it [ErrDamaged].
func (d *DamagedBlock) Unwrap() error { return ErrDamaged }

// Block returns a block, whether anyone may have it, and the order it belongs to
// ("" for none). A block that no longer hashes to its CID is a *[DamagedBlock],
// and fault.Conflict.
func (tx *Tx) Block(c dag.CID) (block []byte, public bool, chain string, err error) {
	b, err := tx.block(c)
	if err != nil {
		return nil, false, "", err
	}
	if err := dag.Check(c, b.block); err != nil {
		return nil, false, "", fault.New(fault.Conflict, "%w", &DamagedBlock{CID: c, Chain: b.chain, err: err})
	}
	return b.block, b.visible != 0, b.chain, nil
}

// HasBlock reports whether a block is kept.
func (tx *Tx) HasBlock(c dag.CID) (bool, error) {
	var one int
	err := tx.row("find block", `select 1 from blocks where cid = $1`, []any{c.Bytes()}, &one)
	if errors.Is(err, errNoRow) {
		return false, nil
	}
	return err == nil, err
}

// DropBlock forgets a detached block; its bytes are overwritten in the file.
// It is not an error when there was none.
func (tx *Tx) DropBlock(c dag.CID) error {
	_, err := tx.exec("drop block", `delete from blocks where cid = $1`, c.Bytes())
	return err
}

// cid reads a stored CID; an empty value is the undefined CID.
func cid(b []byte) (dag.CID, error) {
	if len(b) == 0 {
		return dag.CID{}, nil
	}
	c, err := dag.FromBytes(b)
	if err != nil {
		return dag.CID{}, fault.New(fault.Conflict, "%w CID in the store: %w", ErrDamaged, err)
	}
	return c, nil
}

// link is the stored form of a CID; the undefined CID is an empty value.
func link(c dag.CID) []byte {
	if !c.Defined() {
		return []byte{}
	}
	return c.Bytes()
}
