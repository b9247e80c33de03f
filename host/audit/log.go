package audit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Log is the audit log of one node. It is safe for concurrent use.
type Log struct {
	edge      *edge                // as the running transaction sees it; used by the store's writer alone, nil when it must be read
	committed atomic.Pointer[edge] // as of the newest commit
	between   between

	mu     sync.Mutex // guards what follows
	signer *Signer
	signed *edge // what note is a checkpoint of
	note   []byte
}

// Open finds the end of the log in the store. A log whose end is damaged, or that
// is empty although the store holds what only ever comes with an entry, is
// [store.ErrDamaged].
func Open(ctx context.Context, s *store.Store) (*Log, error) {
	l := new(Log)
	err := s.View(ctx, func(tx *store.Tx) error {
		held, err := tx.Unaudited()
		if err != nil {
			return err
		}
		if held != "" {
			return fault.New(fault.Conflict, "audit log: %w: it has no entry, although the database holds %s", store.ErrDamaged, held)
		}
		e, err := readEdge(tx)
		l.committed.Store(e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// SetSigner gives the log the key for its checkpoints.
func (l *Log) SetSigner(s *Signer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signer, l.signed, l.note = s, nil, nil
}

// Append adds an entry and returns its number, from 0. The entry's time is
// stamped on the transaction. Where it fails the whole transaction fails, also if
// the caller overlooks the error.
func (l *Log) Append(tx *store.Tx, e Entry) (number int64, err error) {
	defer func() {
		if err != nil {
			tx.Refuse(err)
		}
	}()
	leaf, err := e.encode()
	if err != nil {
		return 0, err
	}
	if err := tx.Stamp(e.Time); err != nil {
		return 0, err
	}
	// Whatever undoes this append, the next one reads the edge again.
	tx.AfterRollback(func() { l.edge = nil })
	for {
		kept := l.edge
		if kept == nil {
			if kept, err = readEdge(tx); err != nil {
				return 0, err
			}
		}
		next, hashes := kept.add(tlog.RecordHash(leaf))
		err = tx.PutAuditEntry(store.AuditRow{Number: kept.size, Entry: leaf, Hashes: join(hashes)})
		if fault.Of(err) == fault.Conflict && l.edge != nil {
			l.edge = nil // another process has appended since
			continue
		}
		if err != nil {
			return 0, err
		}
		l.edge = next
		tx.AfterCommit(func() { l.committed.Store(next) })
		return kept.size, nil
	}
}

func join(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// Size is the number of entries committed.
func (l *Log) Size() int64 { return l.committed.Load().size }

// Head is the number of entries committed and their root hash.
func (l *Log) Head() (size int64, root tlog.Hash) {
	e := l.committed.Load()
	return e.size, e.root()
}

// RootAt is the root hash of the first size entries, from the hashes that are kept
// with them; fault.Unavailable where one is missing.
func RootAt(tx *store.Tx, size int64) (tlog.Hash, error) {
	return tlog.TreeHash(size, reader{tx})
}

// Newest returns a signed checkpoint of what is committed; nil before there is a
// signer.
func (l *Log) Newest() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.signer == nil {
		return nil
	}
	if e := l.committed.Load(); e != l.signed {
		l.signed, l.note = e, l.signer.checkpoint(e.size, e.root())
	}
	return slices.Clone(l.note)
}

// sign makes a checkpoint of the log as it was at an edge; nil before there is a
// signer.
func (l *Log) sign(e *edge) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.signer == nil {
		return nil
	}
	return l.signer.checkpoint(e.size, e.root())
}

// Listed is an entry with its number.
type Listed struct {
	Number int64
	Entry
}

// List returns at most n entries from a number on.
func (l *Log) List(tx *store.Tx, from int64, n int) ([]Listed, error) {
	rows, err := tx.AuditEntries(from, n)
	if err != nil {
		return nil, err
	}
	listed := make([]Listed, 0, len(rows))
	for _, row := range rows {
		e, err := ParseEntry(row.Entry)
		if err != nil {
			return nil, fault.New(fault.Conflict, "audit entry %d: %w: %w", row.Number, store.ErrDamaged, err)
		}
		listed = append(listed, Listed{row.Number, e})
	}
	return listed, nil
}
