package audit_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// TestEveryChangedByteIsDetected is promise P5 for the log: each byte of each row
// is changed in the database itself.
func TestEveryChangedByteIsDetected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s, keys := open(t, path), node(t, "n")
	l := openLog(t, s, keys)
	grow(t, s, l, 5)
	checkpoint := l.Newest()
	grow(t, s, l, 7)
	db := raw(t, path)
	if _, err := verify(s, l, checkpoint, keys.Identity()); err != nil {
		t.Fatal(err)
	}
	changes := 0
	for number := range 7 {
		for _, column := range []string{"entry", "hashes"} {
			var kept []byte
			if err := db.QueryRow(`select `+column+` from audit_entries where number = $1`, number).Scan(&kept); err != nil {
				t.Fatal(err)
			}
			set := func(b []byte) {
				execute(t, db, `update audit_entries set `+column+` = $1 where number = $2`, b, number)
			}
			tryOne := func(what string, b []byte) {
				changes++
				set(b)
				if _, err := verify(s, l, checkpoint, keys.Identity()); fault.Of(err) != fault.Conflict {
					t.Errorf("entry %d: %s of %s: expected a conflict, got %v", number, what, column, err)
				}
			}
			for i := range kept {
				b := append([]byte{}, kept...)
				b[i] ^= 1 << (i % 8)
				tryOne(fmt.Sprintf("byte %d", i), b)
			}
			tryOne("truncation", kept[:len(kept)-1])
			tryOne("extension", append(append([]byte{}, kept...), 0))
			tryOne("emptying", []byte{})
			set(kept)
		}
		for _, other := range []int{-1, 7, 8, 1 << 40} {
			execute(t, db, `update audit_entries set number = $1 where number = $2`, other, number)
			if _, err := verify(s, l, checkpoint, keys.Identity()); fault.Of(err) != fault.Conflict {
				t.Errorf("entry %d renumbered %d: expected a conflict, got %v", number, other, err)
			}
			execute(t, db, `update audit_entries set number = $1 where number = $2`, number, other)
		}
	}
	if changes < 7*200 {
		t.Fatalf("only %d changes were tried", changes)
	}
	if _, err := verify(s, l, checkpoint, keys.Identity()); err != nil {
		t.Fatalf("restored: %v", err)
	}
}

func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

func TestARewrittenLogIsSeenWithACheckpointAndACutTailOnlyWithOne(t *testing.T) {
	dir := t.TempDir()
	keys := node(t, "n")
	s := open(t, filepath.Join(dir, "dta.db"))
	l := openLog(t, s, keys)
	grow(t, s, l, 9)
	checkpoint := l.Newest()

	t.Run("rewritten with its hashes", func(t *testing.T) {
		other := open(t, filepath.Join(t.TempDir(), "dta.db"))
		forged := openLog(t, other, keys)
		for i := range 12 {
			e := entry(i)
			if i == 4 {
				e.Detail = "by nobody"
			}
			wantKind(t, "", other.Update(ctx, func(tx *store.Tx) error { _, err := forged.Append(tx, e); return err }))
		}
		r, err := verify(other, forged, nil, nil)
		if err != nil || !strings.Contains(r.Notice, "no checkpoint was given") {
			t.Fatalf("%+v, %v", r, err)
		}
		_, err = verify(other, forged, checkpoint, keys.Identity())
		wantKind(t, fault.Conflict, err)
		wantKind(t, fault.Conflict, other.View(ctx, func(tx *store.Tx) error {
			c, err := audit.OpenCheckpoint(checkpoint, keys.Identity())
			if err != nil {
				return err
			}
			return forged.Extends(tx, c)
		}))
	})
	t.Run("tail cut off", func(t *testing.T) {
		execute(t, raw(t, filepath.Join(dir, "dta.db")), `delete from audit_entries where number = 8`)
		r, err := verify(s, l, nil, nil)
		if err != nil || !strings.Contains(r.Notice, "cut off at the end, cannot be seen") {
			t.Fatalf("%+v, %v", r, err)
		}
		_, err = verify(s, l, checkpoint, keys.Identity())
		wantKind(t, fault.Conflict, err)
		if !strings.Contains(err.Error(), "has 8 entries, the checkpoint attests 9") {
			t.Fatal(err)
		}
	})
}
