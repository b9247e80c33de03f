package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
)

// digest is that of a set of tries: the sum, bit by bit, of the rows' hashes. It
// finds damage, and rows that were edited by hand; it stops nobody who can write
// the anchor too.
type digest = [sha256.Size]byte

func add(d *digest, o digest) {
	for i := range d {
		d[i] ^= o[i]
	}
}

// row is one line of the table.
type row struct {
	Subject
	wrong, pending, changed int64
}

func (r row) digest() digest {
	text := binary.BigEndian.AppendUint64([]byte("dta mpin ledger row 1"), uint64(len(r.Name)))
	text = append(text, r.Name...)
	for _, n := range []uint64{r.Enrolment, uint64(r.wrong), uint64(r.pending), uint64(r.changed)} {
		text = binary.BigEndian.AppendUint64(text, n)
	}
	return sha256.Sum256(text)
}

// rows reads the lines of the table that a condition holds for.
func rows(ctx context.Context, tx *sql.Tx, where string, args ...any) (all []row, err error) {
	found, err := tx.QueryContext(ctx, `select name, enrolment, wrong, pending, changed from tries where `+where, args...)
	if err != nil {
		return nil, failed("read the tries", err)
	}
	defer found.Close()
	for found.Next() {
		var r row
		var enrolment int64
		if err := found.Scan(&r.Name, &enrolment, &r.wrong, &r.pending, &r.changed); err != nil {
			return nil, failed("read the tries", err)
		}
		r.Enrolment = uint64(enrolment)
		all = append(all, r)
	}
	return all, failed("read the tries", found.Err())
}

func sum(all []row) (d digest) {
	for _, r := range all {
		add(&d, r.digest())
	}
	return d
}
