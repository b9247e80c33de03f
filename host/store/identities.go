package store

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// PutIdentity pins a name to its chain of documents, first to newest; the first
// is the name itself. Later calls may show a longer chain, which is kept, or a
// shorter one, which changes nothing; one that forks from what is kept is
// fault.Conflict. The documents' blocks are kept with PutBlock.
func (tx *Tx) PutIdentity(name dag.CID, documents []dag.CID) error {
	if len(documents) == 0 || documents[0] != name {
		return fault.New(fault.Invalid, "identity %s: its first document must be the name", name)
	}
	known, err := tx.identity(name)
	if err != nil {
		return err
	}
	for i, d := range documents {
		if i < len(known) {
			if known[i] != d {
				return fault.New(fault.Conflict, "identity %s: document %d is %s, but %s was seen before", name, i, d, known[i])
			}
			continue
		}
		n, err := tx.exec("put identity", `
			insert into identities (name, sequence, document, checksum) values ($1, $2, $3, $4)
			on conflict (name, sequence) do nothing`, name.Bytes(), i, d.Bytes(), rowSum(name.Bytes(), i, d.Bytes()))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Conflict, "identity %s: document %d was just set by another process", name, i)
		}
	}
	return nil
}

// Identity returns the documents of a pinned name, first to newest;
// fault.NotFound for a name never seen.
func (tx *Tx) Identity(name dag.CID) ([]dag.CID, error) {
	known, err := tx.identity(name)
	if err == nil && len(known) == 0 {
		err = fault.New(fault.NotFound, "identity %s is not known here", name)
	}
	return known, err
}

func (tx *Tx) identity(name dag.CID) ([]dag.CID, error) {
	var known []dag.CID
	err := tx.rows("read identity", `select document, sequence, checksum from identities where name = $1 order by sequence`, []any{name.Bytes()},
		func(scan func(...any) error) error {
			var b, sum []byte
			var sequence int64
			if err := scan(&b, &sequence, &sum); err != nil {
				return err
			}
			if err := checked("identity "+name.String(), sum, name.Bytes(), sequence, b); err != nil {
				return err
			}
			c, err := cid(b)
			known = append(known, c)
			return err
		})
	return known, err
}
