package store

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Link says that an envelope belongs to an order. The envelope's block is kept
// with PutBlock.
type Link struct {
	Reference string // the order's, in hexadecimal
	Kind      string // order, acceptance, redemption, release, …
	CID       dag.CID
	Time      int64 // unix milliseconds
}

// AddEnvelope appends an envelope to an order. Repeating it changes nothing;
// fault.Conflict when the envelope belongs to another order.
func (tx *Tx) AddEnvelope(reference, kind string, c dag.CID, time int64) error {
	var sequence int64
	if err := tx.row("add envelope", `select coalesce(max(sequence), 0) + 1 from envelopes where reference = $1`, []any{reference}, &sequence); err != nil {
		return err
	}
	n, err := tx.exec("add envelope", `
		insert into envelopes (cid, reference, sequence, kind, time, checksum) values ($1, $2, $3, $4, $5, $6)
		on conflict (cid) do nothing`,
		c.Bytes(), reference, sequence, kind, time, rowSum(c.Bytes(), reference, sequence, kind, time))
	if err != nil || n == 1 {
		return err
	}
	l, err := tx.OrderOf(c)
	if err == nil && l.Reference != reference {
		err = fault.New(fault.Conflict, "envelope %s belongs to order %s", c, l.Reference)
	}
	return err
}

// Envelopes returns an order's envelopes in the order of insertion.
func (tx *Tx) Envelopes(reference string) ([]Link, error) {
	return tx.links(`select reference, kind, cid, time, sequence, checksum from envelopes where reference = $1 order by sequence`, reference)
}

// OrderOf says to which order an envelope belongs, and as what.
func (tx *Tx) OrderOf(c dag.CID) (Link, error) {
	found, err := tx.links(`select reference, kind, cid, time, sequence, checksum from envelopes where cid = $1`, c.Bytes())
	if err != nil {
		return Link{}, err
	}
	if len(found) == 0 {
		return Link{}, fault.New(fault.NotFound, "envelope %s belongs to no order here", c)
	}
	return found[0], nil
}

func (tx *Tx) links(query string, args ...any) ([]Link, error) {
	var found []Link
	err := tx.rows("read envelopes", query, args, func(scan func(...any) error) error {
		var l Link
		var c, sum []byte
		var sequence int64
		if err := scan(&l.Reference, &l.Kind, &c, &l.Time, &sequence, &sum); err != nil {
			return err
		}
		if err := checked("envelope of order "+l.Reference, sum, c, l.Reference, sequence, l.Kind, l.Time); err != nil {
			return err
		}
		var err error
		l.CID, err = cid(c)
		found = append(found, l)
		return err
	})
	return found, err
}
