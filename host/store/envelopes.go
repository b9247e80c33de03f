package store

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Link says that an envelope belongs to an order. The envelope's block is kept
// with PutBlock.
type Link struct {
	// Chain is the text of the order's CID; of what stands beside the order in a chapter
	// of its own, that and the CID of the envelope which heads the chapter, with a slash
	// between them.
	Chain  string
	Kind   string // order, acceptance, redemption, release, …
	CID    dag.CID
	Time   int64   // unix milliseconds
	Header dag.CID // of the envelope's header, by which it is known whatever its signature
}

// AddEnvelope appends an envelope to an order. Repeating it changes nothing;
// fault.Conflict when the envelope belongs to another order, or was added under
// another signature and so under another CID.
func (tx *Tx) AddEnvelope(add Link) error {
	chain, kind, c, time, header := add.Chain, add.Kind, add.CID, add.Time, add.Header
	var sequence int64
	if err := tx.row("add envelope", `select coalesce(max(sequence), 0) + 1 from envelopes where chain = $1`, []any{chain}, &sequence); err != nil {
		return err
	}
	n, err := tx.exec("add envelope", `
		insert into envelopes (cid, chain, sequence, kind, time, header, checksum) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict do nothing`,
		c.Bytes(), chain, sequence, kind, time, header.Bytes(), rowSum(c.Bytes(), chain, sequence, kind, time, header.Bytes()))
	if err != nil || n == 1 {
		return err
	}
	l, err := tx.Seen(header)
	switch {
	case err != nil:
		return err
	case l.CID != c:
		return fault.New(fault.Conflict, "envelope %s was seen before, under another signature as %s", c, l.CID)
	case l.Chain != chain:
		return fault.New(fault.Conflict, "envelope %s belongs to order %s", c, l.Chain)
	}
	return nil
}

// Envelopes returns an order's envelopes in the order of insertion.
func (tx *Tx) Envelopes(chain string) ([]Link, error) {
	return tx.links(`select chain, kind, cid, time, header, sequence, checksum from envelopes where chain = $1 order by sequence`, chain)
}

// OrderOf says to which order an envelope belongs, and as what.
func (tx *Tx) OrderOf(c dag.CID) (Link, error) {
	found, err := tx.links(`select chain, kind, cid, time, header, sequence, checksum from envelopes where cid = $1`, c.Bytes())
	if err != nil {
		return Link{}, err
	}
	if len(found) == 0 {
		return Link{}, fault.New(fault.NotFound, "envelope %s belongs to no order here", c)
	}
	return found[0], nil
}

// Seen finds the envelope with a header, whatever its signature; fault.NotFound
// for one never seen.
func (tx *Tx) Seen(header dag.CID) (Link, error) {
	found, err := tx.links(`select chain, kind, cid, time, header, sequence, checksum from envelopes where header = $1`, header.Bytes())
	if err != nil {
		return Link{}, err
	}
	if len(found) == 0 {
		return Link{}, fault.New(fault.NotFound, "the envelope with header %s was not seen here", header)
	}
	return found[0], nil
}

func (tx *Tx) links(query string, args ...any) ([]Link, error) {
	var found []Link
	err := tx.rows("read envelopes", query, args, func(scan func(...any) error) error {
		var l Link
		var c, header, sum []byte
		var sequence int64
		if err := scan(&l.Chain, &l.Kind, &c, &l.Time, &header, &sequence, &sum); err != nil {
			return err
		}
		if err := checked("envelope of order "+l.Chain, sum, c, l.Chain, sequence, l.Kind, l.Time, header); err != nil {
			return err
		}
		var err error
		if l.CID, err = cid(c); err != nil {
			return err
		}
		l.Header, err = cid(header)
		found = append(found, l)
		return err
	})
	return found, err
}
