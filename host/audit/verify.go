package audit

import (
	"bytes"
	"context"
	"fmt"
	"math"

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

	newest int64 // time among the entries
}

// Reaches refuses a log whose entries all were made before changed, the newest time
// at which an order was changed: an entry was made with that change.
func (r *Report) Reaches(changed int64) error { return reaches(r.newest, changed) }

// page is how many entries are read at once. Each page has a transaction of its
// own: a long one would keep the database from reusing its journal.
const page = 512

// Verify reads the whole log, computes every hash anew and compares it with the
// one kept; then, where against is not empty, the log with that signed checkpoint
// of it (id is the node's identity). What is wrong with the log is
// fault.Conflict, naming the first entry concerned.
func (l *Log) Verify(ctx context.Context, s *store.Store, against []byte, id *identity.Identity) (*Report, error) {
	var older *Checkpoint
	if len(against) > 0 {
		c, err := OpenCheckpoint(against, id)
		if err != nil {
			return nil, err
		}
		older = &c
	}
	matched := older == nil || older.Size == 0
	if older != nil && older.Size == 0 && older.Root != new(edge).root() {
		return nil, fault.New(fault.Conflict, "the checkpoint attests an empty log of another root")
	}
	var newest int64
	w := walk{edge: new(edge), each: func(e *edge, entry Entry) error {
		newest = max(newest, entry.Time)
		if older != nil && older.Size == e.size {
			matched = true
			return attested(e, older)
		}
		return nil
	}}
	for more := true; more; {
		err := s.View(ctx, func(tx *store.Tx) (err error) {
			more, err = w.step(tx, math.MaxInt64)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if !matched {
		return nil, fault.New(fault.Conflict, "the audit log has %d entries, the checkpoint attests %d: its tail is missing", w.edge.size, older.Size)
	}
	return &Report{Size: w.edge.size, Root: w.edge.root(), Against: older, Notice: notice(w.edge.size, older), newest: newest}, nil
}

// attested compares a log of a checkpoint's size with the checkpoint.
func attested(e *edge, c *Checkpoint) error {
	if e.root() != c.Root {
		return fault.New(fault.Conflict, "the first %d audit entries are not those that the checkpoint attests", e.size)
	}
	return nil
}

// walk recomputes the log, page by page.
type walk struct {
	edge *edge
	each func(*edge, Entry) error // after each entry
}

// step recomputes the next page, but no entry from number end on, and tells
// whether there may be more. The last step looks for entries before the first.
func (w *walk) step(tx *store.Tx, end int64) (more bool, err error) {
	n := min(page, end-w.edge.size)
	rows, err := tx.AuditEntries(w.edge.size, int(n))
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		next, entry, err := recompute(w.edge, row)
		if err != nil {
			return false, err
		}
		w.edge = next
		if err := w.each(next, entry); err != nil {
			return false, err
		}
	}
	if int64(len(rows)) == n && w.edge.size < end {
		return true, nil
	}
	if below, err := tx.AuditEntriesBelow(0); err != nil || below {
		if err == nil {
			err = fault.New(fault.Conflict, "the audit log has an entry before the first")
		}
		return false, err
	}
	return false, nil
}

// recompute checks one row against all before it.
func recompute(e *edge, row store.AuditRow) (*edge, Entry, error) {
	if row.Number != e.size {
		return nil, Entry{}, fault.New(fault.Conflict, "audit entry %d is missing: the next is %d", e.size, row.Number)
	}
	entry, err := ParseEntry(row.Entry)
	if err != nil {
		return nil, Entry{}, fault.New(fault.Conflict, "audit entry %d is damaged: %w", row.Number, err)
	}
	next, hashes := e.add(tlog.RecordHash(row.Entry))
	if !bytes.Equal(join(hashes), row.Hashes) {
		return nil, Entry{}, mismatch(row, hashes)
	}
	return next, entry, nil
}

// mismatch names the entries that a wrong hash is over: the entry itself, or those
// of the smallest subtree that it completed and that differs, since entries that
// changed places match their own hashes.
func mismatch(row store.AuditRow, hashes []tlog.Hash) error {
	for level, h := range hashes[1:] {
		at := (level + 1) * tlog.HashSize
		if len(row.Hashes) >= at+tlog.HashSize && bytes.Equal(row.Hashes[:at], join(hashes[:level+1])) && !bytes.Equal(row.Hashes[at:at+tlog.HashSize], h[:]) {
			return fault.New(fault.Conflict, "audit entry %d, or one of the %d after it, does not match the hashes", row.Number+1-2<<level, 2<<level-1)
		}
	}
	return fault.New(fault.Conflict, "audit entry %d does not match its hashes", row.Number)
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
