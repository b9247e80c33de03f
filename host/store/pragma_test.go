package store

import (
	"context"
	"path/filepath"
	"testing"
)

// TestCommitsAreSynced: what kill -9 cannot show, because the page cache
// survives it.
func TestCommitsAreSynced(t *testing.T) {
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), "dta.db"), Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(context.Background(), func(tx *Tx) error {
		for query, want := range map[string]string{
			"pragma journal_mode":  "wal",
			"pragma synchronous":   "2", // FULL: the journal is synced at every commit
			"pragma secure_delete": "1",
			"pragma busy_timeout":  "1000",
		} {
			var got string
			if err := tx.row(query, query, nil, &got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s: expected %s, got %s", query, want, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
