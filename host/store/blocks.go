package store

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// PutBlock keeps a block under its CID. Repeating it changes nothing, except
// that public may be raised, and a block that belonged to no order (reference
// "") may be given one. reference is the order's, in hexadecimal.
func (tx *Tx) PutBlock(c dag.CID, block []byte, public bool, reference string) error {
	if err := dag.Check(c, block); err != nil {
		return err
	}
	visible := 0
	if public {
		visible = 1
	}
	_, err := tx.exec("put block", `
		insert into blocks (cid, block, public, reference) values ($1, $2, $3, $4)
		on conflict (cid) do update set
			public = case when excluded.public > blocks.public then excluded.public else blocks.public end,
			reference = case when blocks.reference = '' then excluded.reference else blocks.reference end
		where excluded.public > blocks.public or (blocks.reference = '' and excluded.reference <> '')`,
		c.Bytes(), blob(block), visible, reference)
	return err
}

// Block returns a block, whether anyone may have it, and the order it belongs to
// ("" for none). A block that no longer hashes to its CID is fault.Unavailable.
func (tx *Tx) Block(c dag.CID) (block []byte, public bool, reference string, err error) {
	var visible int
	err = tx.row("read block", `select block, public, reference from blocks where cid = $1`,
		[]any{c.Bytes()}, &block, &visible, &reference)
	if errors.Is(err, errNoRow) {
		return nil, false, "", fault.New(fault.NotFound, "block %s is not kept here", c)
	}
	if err != nil {
		return nil, false, "", err
	}
	if err := dag.Check(c, block); err != nil {
		return nil, false, "", fault.New(fault.Unavailable, "block %s: %w in the store: %w", c, ErrDamaged, err)
	}
	return block, visible != 0, reference, nil
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
		return dag.CID{}, fault.New(fault.Unavailable, "%w CID in the store: %w", ErrDamaged, err)
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
