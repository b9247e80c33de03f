package state_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/anchor"
	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/state"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// made makes a node's state in a new directory, with so many audit entries after
// the first.
func made(t *testing.T, name string, entries int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := state.Create(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Named(dag.Sum([]byte(name))); err != nil {
		t.Fatal(err)
	}
	grow(t, s, 1, s.PutName)
	for range entries {
		grow(t, s, 1, nil)
	}
	return dir
}

// grow acknowledges so many entries in one transaction.
func grow(t *testing.T, s *state.State, entries int, also func(*store.Tx) error) {
	t.Helper()
	err := s.Store.Update(context.Background(), func(tx *store.Tx) error {
		for range entries {
			if _, err := s.Audit.Append(tx, audit.Entry{Time: time.Now().UnixMilli(), Kind: "test", Detail: rand.Text()}); err != nil {
				return err
			}
		}
		if also == nil {
			return nil
		}
		return also(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// crashed has n further entries in the write-ahead log only: it copies the files of
// an open copy of the state, as a kill would leave them.
func crashed(t *testing.T, dir string, n int) (copied string) {
	t.Helper()
	return crashedWith(t, dir, n, nil)
}

func crashedWith(t *testing.T, dir string, n int, also func(*store.Tx) error) (copied string) {
	t.Helper()
	open := filepath.Join(t.TempDir(), "data")
	copyTo(t, dir, open)
	s, err := state.Open(t.Context(), open)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range n {
		grow(t, s, 1, also)
	}
	copied = filepath.Join(t.TempDir(), "data")
	copyTo(t, open, copied)
	return copied
}

func try(t *testing.T, dir string) (size int64, err error) {
	t.Helper()
	s, err := state.Open(t.Context(), dir)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return s.Audit.Size(), nil
}

// wantLoss expects a refusal that names so many entries, and that it changed
// nothing on disk.
func wantLoss(t *testing.T, dir string, number string) {
	t.Helper()
	before := contents(t, dir)
	_, err := try(t, dir)
	loss, ok := errors.AsType[*state.Loss](err)
	if !ok || loss.Number() != number || fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "dta store accept-loss "+number) {
		t.Fatalf("expected the loss of %s entries; found %v", number, err)
	}
	if after := contents(t, dir); !bytes.Equal(before, after) {
		t.Error("expected that a refusal changes nothing on disk")
	}
}

// contents is everything that lies in a directory but what only coordinates
// processes.
func contents(t *testing.T, dir string) []byte {
	t.Helper()
	var all bytes.Buffer
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if name := e.Name(); strings.HasSuffix(name, "-shm") || strings.HasSuffix(name, ".lock") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %d %x\n", e.Name(), len(b), b)
	}
	return all.Bytes()
}

func wal(dir string) string { return filepath.Join(dir, "node.db-wal") }

// TestAcknowledgedEntriesDoNotVanishWithoutAWord: SQLite itself says nothing of a
// write-ahead log that is damaged, cut or gone.
func TestAcknowledgedEntriesDoNotVanishWithoutAWord(t *testing.T) {
	whole := crashed(t, made(t, "a", 0), 6)
	frames, err := os.ReadFile(wal(whole))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() []byte{
		"a bit in the header":      func() []byte { return flipped(frames, 17) },
		"a bit in the first frame": func() []byte { return flipped(frames, 40) },
		"a bit at a third":         func() []byte { return flipped(frames, len(frames)/3) },
		"a bit near the end":       func() []byte { return flipped(frames, len(frames)-100) },
		"cut to a half":            func() []byte { return frames[:len(frames)/2] },
		"cut in the last frame":    func() []byte { return frames[:len(frames)-1] },
		"emptied":                  func() []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyTo(t, whole, dir)
			if err := os.WriteFile(wal(dir), change(), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := try(t, dir)
			loss, ok := errors.AsType[*state.Loss](err)
			if !ok || loss.Missing < 1 || loss.Missing > 6 {
				t.Fatalf("expected that missing entries are named; found %v", err)
			}
			wantLoss(t, dir, loss.Number())
			// The right file is put back, and nothing is lost.
			if err := os.WriteFile(wal(dir), frames, 0o600); err != nil {
				t.Fatal(err)
			}
			if size, err := try(t, dir); err != nil || size != 7 {
				t.Errorf("put back: expected 7 entries; found %d, %v", size, err)
			}
		})
	}
	t.Run("deleted", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		copyTo(t, whole, dir)
		if err := os.Remove(wal(dir)); err != nil {
			t.Fatal(err)
		}
		wantLoss(t, dir, "6")
		if _, err := os.Stat(wal(dir)); err == nil {
			t.Error("expected that no write-ahead log was made in the place of the one that is gone")
		}
	})
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(to, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestATornFrameBehindWhatWasAcknowledgedIsDropped, and counted: a power cut in an
// unacknowledged transaction leaves one.
func TestATornFrameBehindWhatWasAcknowledgedIsDropped(t *testing.T) {
	dir := crashed(t, made(t, "a", 0), 3)
	frames, err := os.ReadFile(wal(dir))
	if err != nil {
		t.Fatal(err)
	}
	next := bytes.Clone(frames[32 : 32+24+4096]) // of this generation, with a checksum that is not right here
	for _, tail := range [][]byte{next, append(bytes.Clone(next), next...), next[:1000]} {
		copied := filepath.Join(t.TempDir(), "data")
		copyTo(t, dir, copied)
		if err := os.WriteFile(wal(copied), append(bytes.Clone(frames), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := state.Open(t.Context(), copied)
		if err != nil {
			t.Fatal(err)
		}
		if torn := s.Store.TornFrames(); s.Audit.Size() != 4 || torn != len(tail)/len(next) {
			t.Errorf("expected 4 entries and %d torn frames; found %d and %d", len(tail)/len(next), s.Audit.Size(), torn)
		}
		s.Close()
	}
}

func TestADatabaseThatIsNoContinuationIsRefused(t *testing.T) {
	older := made(t, "a", 2)
	newer := crashed(t, older, 3)
	another := made(t, "b", 5)
	fork := crashed(t, older, 4) // the same size and more, with other entries

	for name, c := range map[string]struct {
		database, anchor string
		number           string
	}{
		"an older one":              {older, newer, "3"},
		"another node's":            {another, newer, "6"},
		"one that went another way": {fork, newer, "6"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyTo(t, c.database, dir)
			b, err := os.ReadFile(filepath.Join(c.anchor, anchor.File))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, anchor.File), b, 0o600); err != nil {
				t.Fatal(err)
			}
			wantLoss(t, dir, c.number)
		})
	}
	for name, damage := range map[string]func(path string) error{
		"no anchor":        os.Remove,
		"an empty anchor":  func(path string) error { return os.Truncate(path, 0) },
		"another in place": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 1024), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyTo(t, newer, dir)
			if err := damage(filepath.Join(dir, anchor.File)); err != nil {
				t.Fatal(err)
			}
			wantLoss(t, dir, "unknown")
		})
	}
}

// TestAnotherNodesDatabaseBesideTheJournalLosesNothing: the journal, laid over it,
// looks like this node's, and would be gone with the first commit. Refused, it stays,
// and the right database has all of it.
func TestAnotherNodesDatabaseBesideTheJournalLosesNothing(t *testing.T) {
	// As a host does that starts: it writes to the very page that has the node's name.
	begin := func(tx *store.Tx) error { return tx.SetMeta("offer/vault", []byte("made")) }
	dir := crashedWith(t, made(t, "a", 2), 3, begin)
	right, err := os.ReadFile(filepath.Join(dir, datadir.Database))
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.ReadFile(wal(dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{"smaller": made(t, "b", 0), "larger": made(t, "c", 40)} {
		t.Run(name, func(t *testing.T) {
			wrong, err := os.ReadFile(filepath.Join(other, datadir.Database))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, datadir.Database), wrong, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := state.Open(t.Context(), dir)
			if fault.Of(err) != fault.Conflict {
				t.Errorf("expected that it is refused; found %v", err)
			}
			if s != nil {
				s.Close()
			}
			if kept, err := os.ReadFile(wal(dir)); err != nil || !bytes.Equal(kept, journal) {
				t.Fatalf("expected the journal as it was; found %d bytes of %d, %v", len(kept), len(journal), err)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(dir, datadir.Database), right, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := state.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := s.Audit.Size(); n != 6 {
		t.Errorf("expected 6 entries; found %d", n)
	}
}

// TestALossIsAcceptedByItsNumberAndAudited.
func TestALossIsAcceptedByItsNumberAndAudited(t *testing.T) {
	dir := crashed(t, made(t, "a", 0), 4)
	accept := func(number string) error { return state.AcceptLoss(t.Context(), dir, number, time.Now()) }
	if err := accept("0"); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "nothing that was acknowledged is missing") {
		t.Fatalf("expected that there is nothing to accept; found %v", err)
	}
	if err := os.Remove(wal(dir)); err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"3", "5", "0", "-4", "unknown", "x", ""} {
		if err := accept(number); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "expected the number 4") {
			t.Errorf("%q: expected a refusal that names the number; found %v", number, err)
		}
	}
	wantLoss(t, dir, "4")
	if err := accept("4"); err != nil {
		t.Fatal(err)
	}
	s, err := state.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Store.View(t.Context(), func(tx *store.Tx) error {
		entries, err := s.Audit.List(tx, 0, 10)
		if len(entries) != 2 || entries[1].Kind != "store.loss.accepted" || !strings.Contains(entries[1].Detail, "4 acknowledged audit entries are missing") {
			t.Errorf("expected an entry of the loss; found %+v", entries)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestANodeCutShortInTheMakingIsNoLoss.
func TestANodeCutShortInTheMakingIsNoLoss(t *testing.T) {
	for name, named := range map[string]bool{"before its anchor": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			s, err := state.Create(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if named {
				if err := s.Named(dag.Sum([]byte("a"))); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := try(t, dir); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "cut short") {
				t.Errorf("expected that the making was cut short; found %v", err)
			}
			if _, err := state.Create(t.Context(), dir); fault.Of(err) != fault.Conflict {
				t.Errorf("expected that no other is made there; found %v", err)
			}
		})
	}
}

func TestWhatWasDiscardedLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	given := filepath.Join(parent, "given")
	if err := os.Mkdir(given, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{given, filepath.Join(parent, "made")} {
		s, err := state.Create(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Named(dag.Sum([]byte("a"))); err != nil {
			t.Fatal(err)
		}
		if err := s.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := os.ReadDir(parent); err != nil || len(list) != 1 {
		t.Errorf("expected the given directory alone; found %v, %v", list, err)
	}
	if list, err := os.ReadDir(given); err != nil || len(list) != 0 {
		t.Errorf("expected it to be empty; found %v, %v", list, err)
	}
}

// TestTheIdentityIsMissedBesideWhatItSigned: rows of the node itself that are gone
// make no new node of an old log.
func TestTheIdentityIsMissedBesideWhatItSigned(t *testing.T) {
	dir := made(t, "a", 3)
	s, err := state.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Store.Update(t.Context(), func(tx *store.Tx) error { return tx.SetMeta("node-name", nil) })
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := try(t, dir); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "no identity: restore the directory from a backup") {
		t.Errorf("expected that the identity is missed; found %v", err)
	}
}

// TestFilesThatVanishUnderARunningNodeAreMissed, and found again.
func TestFilesThatVanishUnderARunningNodeAreMissed(t *testing.T) {
	for _, name := range []string{"node.db", "node.db-wal", "node.db.lock", anchor.File} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := made(t, "a", 1)
			s, err := state.Open(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			told := make(chan error, 100)
			s.Report(func(err error) { told <- err })
			if err := <-told; err != nil {
				t.Fatalf("expected that all is well; found %v", err)
			}
			path := filepath.Join(dir, name)
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			if err := <-told; fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), name+" was removed or replaced under the running node") {
				t.Errorf("expected that it is missed; found %v", err)
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			for err := range told {
				if err == nil {
					break
				}
			}
			grow(t, s, 1, nil)
		})
	}
}

// TestNothingIsAcknowledgedThatAFileWithoutANameHolds: the first commit after the
// file is gone finds out. What was acknowledged before, in a write-ahead log that is
// gone, is in the database from then on.
func TestNothingIsAcknowledgedThatAFileWithoutANameHolds(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"removed": os.Remove,
		"replaced": func(path string) error {
			if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		for _, file := range []string{"node.db", "node.db-wal"} {
			t.Run(file+" "+name, func(t *testing.T) {
				dir := made(t, "a", 1)
				s, err := state.Open(t.Context(), dir)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				grow(t, s, 3, nil)
				if err := take(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					err = s.Store.Update(t.Context(), func(tx *store.Tx) error {
						_, err := s.Audit.Append(tx, audit.Entry{Time: time.Now().UnixMilli(), Kind: "test"})
						return err
					})
					if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), file+" was removed or replaced") {
						t.Fatalf("expected that nothing is acknowledged; found %v", err)
					}
				}
				if file == "node.db" {
					return
				}
				copied := filepath.Join(t.TempDir(), "data")
				copyTo(t, dir, copied) // as a kill would leave it
				if size, err := try(t, copied); err != nil || size < 5 {
					t.Errorf("killed: expected the 5 acknowledged entries; found %d, %v", size, err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if size, err := try(t, dir); err != nil || size < 5 {
					t.Errorf("stopped: expected the 5 acknowledged entries; found %d, %v", size, err)
				}
			})
		}
	}
}
