package store

import (
	"errors"
	"strconv"
	"strings"

	"github.com/milagro-dta/dta/protocol/fault"
)

// AuditRow is one entry of the audit log and the Merkle hashes, 32 bytes each,
// that it completed: its own leaf first, then its ancestors from the bottom up.
type AuditRow struct {
	Number int64 // from 0
	Entry  []byte
	Hashes []byte
}

// AuditSize returns the number of entries.
func (tx *Tx) AuditSize() (int64, error) {
	var n int64
	err := tx.row("read audit size", `select coalesce(max(number), -1) + 1 from audit_entries`, nil, &n)
	return n, err
}

// PutAuditEntry adds an entry; fault.Conflict when there is one of its number.
func (tx *Tx) PutAuditEntry(r AuditRow) error {
	n, err := tx.exec("append audit entry", `
		insert into audit_entries (number, entry, hashes) values ($1, $2, $3) on conflict (number) do nothing`,
		r.Number, blob(r.Entry), blob(r.Hashes))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "audit entry %d exists already", r.Number)
	}
	return err
}

// AuditEntry returns one entry with its hashes.
func (tx *Tx) AuditEntry(number int64) (AuditRow, error) {
	r := AuditRow{Number: number}
	err := tx.row("read audit entry", `select entry, hashes from audit_entries where number = $1`, []any{number}, &r.Entry, &r.Hashes)
	if errors.Is(err, errNoRow) {
		err = fault.New(fault.NotFound, "no audit entry %d", number)
	}
	return r, err
}

// AuditEntries returns at most n entries from a number on.
func (tx *Tx) AuditEntries(from int64, n int) ([]AuditRow, error) {
	var found []AuditRow
	err := tx.rows("read audit entries", `
		select number, entry, hashes from audit_entries where number >= $1 order by number limit $2`, []any{from, n},
		func(scan func(...any) error) error {
			var r AuditRow
			if err := scan(&r.Number, &r.Entry, &r.Hashes); err != nil {
				return err
			}
			found = append(found, r)
			return nil
		})
	return found, err
}

// AuditHashes returns the hashes kept with the entries of the given numbers, at
// most 64 of them; a number without an entry is missing from the map.
func (tx *Tx) AuditHashes(numbers []int64) (map[int64][]byte, error) {
	found := make(map[int64][]byte, len(numbers))
	if len(numbers) == 0 {
		return found, nil
	}
	if len(numbers) > 64 {
		return nil, fault.New(fault.Internal, "read audit hashes: expected at most 64 numbers, found %d", len(numbers))
	}
	var args []any
	var list []string
	for i, n := range numbers {
		args = append(args, n)
		list = append(list, "$"+strconv.Itoa(i+1))
	}
	err := tx.rows("read audit hashes", `select number, hashes from audit_entries where number in (`+strings.Join(list, ", ")+`)`, args,
		func(scan func(...any) error) error {
			var n int64
			var h []byte
			if err := scan(&n, &h); err != nil {
				return err
			}
			found[n] = h
			return nil
		})
	return found, err
}

// AuditEntriesBelow reports whether there is any entry with a smaller number.
func (tx *Tx) AuditEntriesBelow(number int64) (bool, error) {
	var n int64
	err := tx.row("read audit entries", `select count(*) from audit_entries where number < $1`, []any{number}, &n)
	return n > 0, err
}
