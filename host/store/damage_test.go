package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

func foreign(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

func TestADatabaseLockedByAForeignProgramIsUnavailableUntilItLetsGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	update(t, s, set("before"))
	db := foreign(t, path)
	execute(t, db, "begin immediate")
	err := s.Update(ctx, set("x"))
	wantKind(t, fault.Unavailable, err)
	if !strings.Contains(err.Error(), "locked by another program") || s.Ready() == nil {
		t.Fatalf("%v; ready: %v", err, s.Ready())
	}
	if !has(t, s, "before") {
		t.Error("reading stopped")
	}
	execute(t, db, "rollback")
	update(t, s, set("y"))
	if has(t, s, "x") || s.Ready() != nil {
		t.Error("what failed is there, or the failure has not ended")
	}
}

func TestADamagedBlockIsNeverReturned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	c, b := block(t, "a block")
	update(t, s, func(tx *store.Tx) error { return tx.PutBlock(c, b, true, "") })
	db := foreign(t, path)
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 0x10
		execute(t, db, "update blocks set block = $1", bad)
		wantKind(t, fault.Conflict, s.View(ctx, func(tx *store.Tx) error { _, _, _, err := tx.Block(c); return err }))
	}
	execute(t, db, "update blocks set block = $1", b)
	view(t, s, func(tx *store.Tx) error { _, _, _, err := tx.Block(c); return err })
}

func TestADamagedFileIsAConflictAndNeverWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	blocks := map[dag.CID][]byte{}
	for range 200 {
		c, b := block(t, random(1000))
		blocks[c] = b
		update(t, s, func(tx *store.Tx) error { return tx.PutBlock(c, b, true, "") })
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Beyond the pages that opening reads.
	for at := 60 * 4096; at < len(file); at += 3 * 4096 {
		copy(file[at:], bytes.Repeat([]byte{0xa5}, 512))
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	damaged := 0
	for c, want := range blocks {
		err := s.View(ctx, func(tx *store.Tx) error {
			got, _, _, err := tx.Block(c)
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("block %s came back as another", c)
			}
			return err
		})
		switch fault.Of(err) {
		case "", fault.NotFound:
		case fault.Conflict:
			damaged++
		default:
			t.Errorf("block %s: %v", c, err)
		}
	}
	if damaged == 0 {
		t.Fatal("nothing of the damage was seen")
	}
}

func TestADatabaseThatIsDamagedWhereItBeginsIsNotOpened(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"something else":      func([]byte) []byte { return []byte("this is no database at all, whatever its name says") },
		"its header":          func(b []byte) []byte { clear(b[:16]); return b },
		"its schema":          func(b []byte) []byte { copy(b[100:], bytes.Repeat([]byte{0xa5}, 2000)); return b },
		"cut within a page":   func(b []byte) []byte { return b[:6000] },
		"its last half":       func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
		"every page but one":  func(b []byte) []byte { copy(b[4096:], bytes.Repeat([]byte{0xa5}, len(b)-4096)); return b },
		"overwritten by text": func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dta.db")
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, damage(file), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = store.Open(ctx, path, store.Options{Create: true})
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("expected it to be damaged, by name; found %v", err)
			}
		})
	}
}

func TestADatabaseOfANewerProgramIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, foreign(t, path), "insert into goose_db_version (version_id, is_applied) values (999, 1)")
	_, err := store.Open(ctx, path, store.Options{Create: true})
	wantKind(t, fault.Unsupported, err)
	if !strings.Contains(err.Error(), "written by a newer program") {
		t.Fatal(err)
	}
}

func TestADroppedBlockLeavesNoBytesInTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	mark := []byte("CANARY-" + strings.Repeat("canary", 20))
	c, b := block(t, append(random(50_000), mark...))
	update(t, s, func(tx *store.Tx) error { return tx.PutBlock(c, b, false, "") })
	update(t, s, func(tx *store.Tx) error { return tx.DropBlock(c) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(path), f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, mark) {
			t.Errorf("%s still has it", f.Name())
		}
	}
}

// TestADamagedBlockIsWrittenOverWhenItIsPutAgain, with what was known of it, and
// nothing that is right is.
func TestADamagedBlockIsWrittenOverWhenItIsPutAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	c, b := block(t, "a block")
	other, o := block(t, "another")
	for name, again := range map[string]func(*store.Tx) error{
		"put":      func(tx *store.Tx) error { return tx.PutBlock(c, b, false, "") },
		"repaired": func(tx *store.Tx) error { _, err := tx.RepairBlock(c, b); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for _, put := range []func(*store.Tx) error{
				func(tx *store.Tx) error { return tx.PutBlock(c, b, true, "aa") },
				func(tx *store.Tx) error { return tx.PutBlock(other, o, true, "") },
			} {
				update(t, s, put)
			}
			execute(t, foreign(t, path), "update blocks set block = x'00' where cid = $1", c.Bytes())
			update(t, s, func(tx *store.Tx) error {
				if err := errors.Join(again(tx), tx.PutBlock(other, o, true, "")); err != nil {
					return err
				}
				if got := tx.Repaired(); len(got) != 1 || got[0] != c {
					t.Errorf("expected %s to be repaired; found %v", c, got)
				}
				return nil
			})
			view(t, s, func(tx *store.Tx) error {
				_, public, ref, err := tx.Block(c)
				if !public || ref != "aa" {
					t.Errorf("found public %t and order %q", public, ref)
				}
				return err
			})
		})
	}
	refuse(t, s, fault.Invalid, func(tx *store.Tx) error { _, err := tx.RepairBlock(c, o); return err })
	refuse(t, s, fault.NotFound, func(tx *store.Tx) error {
		c, b := block(t, "a third")
		_, err := tx.RepairBlock(c, b)
		return err
	})
}

// TestADamagedRowIsAConflictThatSaysWhatHelps: asking again does not.
func TestADamagedRowIsAConflictThatSaysWhatHelps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	c := dag.Sum([]byte("an order"))
	update(t, s, func(tx *store.Tx) error {
		return tx.InsertOrder(store.Order{Role: "principal", CID: c, Reference: "aa", State: "ordered"})
	})
	execute(t, foreign(t, path), "update orders set state = 'failed'")
	err := s.Update(ctx, func(tx *store.Tx) error { _, err := tx.Order("principal", c); return err })
	wantKind(t, fault.Conflict, err)
	if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "restore the database from a backup") {
		t.Errorf("found %v", err)
	}
	update(t, s, set("x"))
	if err := s.Ready(); err != nil {
		t.Errorf("a damaged row is no failure of the database: %v", err)
	}
}
