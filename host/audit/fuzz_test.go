package audit_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// seed makes one stored entry and one checkpoint.
func seed(f *testing.F) (stored, checkpoint []byte, s *store.Store, l *audit.Log, check func([]byte) error) {
	s, keys := open(f, filepath.Join(f.TempDir(), "dta.db")), node(f, "n")
	l = openLog(f, s, keys)
	grow(f, s, l, 2)
	err := s.View(ctx, func(tx *store.Tx) error {
		row, err := tx.AuditEntry(1)
		stored = row.Entry
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return stored, l.Newest(), s, l, func(b []byte) error { _, err := audit.OpenCheckpoint(b, keys.Identity()); return err }
}

// FuzzEntry: what is no entry is refused as invalid, what is one is appended.
func FuzzEntry(f *testing.F) {
	stored, _, s, l, _ := seed(f)
	f.Add(stored)
	f.Add([]byte{})
	f.Add([]byte{0xa0})
	f.Add(stored[:len(stored)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := audit.ParseEntry(b)
		if err != nil {
			wantKind(t, fault.Invalid, err)
			return
		}
		wantKind(t, "", s.Update(ctx, func(tx *store.Tx) error { _, err := l.Append(tx, e); return err }))
	})
}

// FuzzCheckpoint: no text panics, and no signed note but the node's own is taken.
func FuzzCheckpoint(f *testing.F) {
	_, checkpoint, _, _, check := seed(f)
	f.Add(checkpoint)
	f.Add([]byte("dta/x\n1\n\n\n— dta/x AAAA\n"))
	f.Add([]byte("dta/x\n-1\nAAAA\nkey a b c\n"))
	f.Add([]byte{})
	genuine, err := note.Open(checkpoint, note.VerifierList())
	if err == nil || genuine != nil {
		f.Fatal("a note opened without a verifier")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := audit.ParseCheckpoint(string(b)); err != nil {
			wantKind(t, fault.Invalid, err)
		}
		if err := check(b); err != nil {
			wantKind(t, fault.Invalid, err)
		} else if string(b) != string(checkpoint) {
			t.Fatalf("forged: %q", b)
		}
	})
}
