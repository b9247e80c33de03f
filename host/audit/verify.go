package audit

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Report is the outcome of a verification that found nothing wrong.
type Report struct {
	Size    int64
	Root    tlog.Hash
	Against *Checkpoint // nil when there was none
	Notice  string      // what was not, and could not be, found out
}

// Verify reads the whole log, computes every hash anew and compares it with the
// one kept; then, where against is not empty, the log with that signed checkpoint
// of it (id is the node's identity). What is wrong with the log is
// fault.Conflict, naming the first entry concerned.
func (l *Log) Verify(tx *store.Tx, against []byte, id *identity.Identity) (*Report, error) {
	var older *Checkpoint
	if len(against) > 0 {
		c, err := l.Open(against, id)
		if err != nil {
			return nil, err
		}
		older = &c
	}
	e, matched := new(edge), older == nil || older.Size == 0
	if older != nil && older.Size == 0 && older.Root != e.root() {
		return nil, fault.New(fault.Conflict, "the checkpoint attests an empty log of another root")
	}
	const page = 512
	for {
		rows, err := tx.AuditEntries(e.size, page)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if e, err = recompute(e, row); err != nil {
				return nil, err
			}
			if older != nil && older.Size == e.size {
				if e.root() != older.Root {
					return nil, fault.New(fault.Conflict, "the first %d audit entries are not those that the checkpoint attests", e.size)
				}
				matched = true
			}
		}
		if len(rows) < page {
			break
		}
	}
	if below, err := tx.AuditEntriesBelow(0); err != nil || below {
		if err == nil {
			err = fault.New(fault.Conflict, "the audit log has an entry before the first")
		}
		return nil, err
	}
	if !matched {
		return nil, fault.New(fault.Conflict, "the audit log has %d entries, the checkpoint attests %d: its tail is missing", e.size, older.Size)
	}
	return &Report{Size: e.size, Root: e.root(), Against: older, Notice: notice(e.size, older)}, nil
}

// recompute checks one row against all before it.
func recompute(e *edge, row store.AuditRow) (*edge, error) {
	if row.Number != e.size {
		return nil, fault.New(fault.Conflict, "audit entry %d is missing: the next is %d", e.size, row.Number)
	}
	if _, err := ParseEntry(row.Entry); err != nil {
		return nil, fault.New(fault.Conflict, "audit entry %d is damaged: %w", row.Number, err)
	}
	next, hashes := e.add(tlog.RecordHash(row.Entry))
	if !bytes.Equal(join(hashes), row.Hashes) {
		return nil, fault.New(fault.Conflict, "audit entry %d does not match its hashes", row.Number)
	}
	return next, nil
}

func notice(size int64, older *Checkpoint) string {
	switch {
	case older == nil:
		return "no checkpoint was given: entries that were rewritten with their hashes, or cut off at the end, cannot be seen; " +
			"compare with a checkpoint that is kept elsewhere"
	case older.Size < size:
		return fmt.Sprintf("the checkpoint attests the first %d entries: of the %d after it, any that were rewritten with their hashes, "+
			"or cut off at the end, cannot be seen", older.Size, size-older.Size)
	}
	return "the checkpoint attests every entry; any that were added since and cut off again cannot be seen"
}
