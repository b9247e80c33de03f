package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

var ctx = context.Background()

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(ctx, path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func fresh(t testing.TB) *store.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "data", "dta.db"))
}

// update fails the test unless do is committed.
func update(t testing.TB, s *store.Store, do func(*store.Tx) error) {
	t.Helper()
	if err := s.Update(ctx, do); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *store.Store, do func(*store.Tx) error) {
	t.Helper()
	if err := s.View(ctx, do); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, want fault.Kind, err error) {
	t.Helper()
	if got := fault.Of(err); got != want {
		t.Fatalf("kind of error: expected %q, got %q (%v)", want, got, err)
	}
}

func set(name string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.SetMeta(name, []byte(name)) }
}

// has reports whether set(name) was committed.
func has(t testing.TB, s *store.Store, name string) bool {
	t.Helper()
	err := s.View(ctx, func(tx *store.Tx) error { _, err := tx.Meta(name); return err })
	if err != nil {
		wantKind(t, fault.NotFound, err)
	}
	return err == nil
}

func block(t testing.TB, v any) (dag.CID, []byte) {
	t.Helper()
	c, b, err := dag.Put(v)
	if err != nil {
		t.Fatal(err)
	}
	return c, b
}

func TestFilesAreReadableByTheOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "a%20?b#c", "dta.db")
	s := open(t, path)
	update(t, s, set("x"))
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Fatalf("directory: %v, %v", dir.Mode(), err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) < 3 {
		t.Fatalf("expected the database, its journal and its lock; got %v, %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestWhatWasCommittedIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	update(t, s, set("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !has(t, open(t, path), "x") {
		t.Fatal("lost")
	}
}

func TestASecondOpenIsRefusedAndNamesTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	_, err := store.Open(ctx, path, store.Options{Create: true})
	wantKind(t, fault.Unavailable, err)
	if want := fmt.Sprintf("another host uses it (%s.lock is locked by process %d)", path, os.Getpid()); !strings.Contains(err.Error(), want) {
		t.Fatalf("expected %q in %q", want, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

func TestAFileThatIsNoDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(ctx, path, store.Options{Create: true})
	wantKind(t, fault.Conflict, err)
}

func TestAFailingClosureUndoesOnlyItself(t *testing.T) {
	s := fresh(t)
	const n = 200
	refused := errors.New("refused")
	var undone, committed atomic.Int32
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("row-%d", i)
			err := s.Update(ctx, func(tx *store.Tx) error {
				tx.AfterCommit(func() { committed.Add(1) })
				tx.AfterRollback(func() { undone.Add(1) })
				if err := tx.SetMeta(name, nil); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return refused
				case 2:
					panic("hidden fault")
				}
				return nil
			})
			switch i % 4 {
			case 1:
				if !errors.Is(err, refused) {
					t.Errorf("%s: expected its own error, got %v", name, err)
				}
			case 2:
				if fault.Of(err) != fault.Internal || !strings.Contains(err.Error(), "TestAFailingClosureUndoesOnlyItself") {
					t.Errorf("%s: expected where it panicked, got %v", name, err)
				}
			default:
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range n {
		if got, want := has(t, s, fmt.Sprintf("row-%d", i)), i%4 == 0 || i%4 == 3; got != want {
			t.Errorf("row %d: kept %v, expected %v", i, got, want)
		}
	}
	if committed.Load() != n/2 || undone.Load() != n/2 {
		t.Errorf("hooks: %d committed, %d undone of %d", committed.Load(), undone.Load(), n)
	}
}

func TestAClosureThatEndsItsGoroutineDoesNotStopTheWriter(t *testing.T) {
	s := fresh(t)
	err := s.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SetMeta("x", nil); err != nil {
			return err
		}
		runtime.Goexit()
		return nil
	})
	wantKind(t, fault.Internal, err)
	if has(t, s, "x") {
		t.Error("its row was kept")
	}
	update(t, s, set("y"))
}

// occupy holds the writer until the returned function is called.
func occupy(t *testing.T, s *store.Store) (release func()) {
	t.Helper()
	started, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		if err := s.Update(ctx, func(*store.Tx) error { close(started); <-leave; return nil }); err != nil {
			t.Error(err)
		}
	}()
	<-started
	return func() { close(leave); <-left }
}

func TestAQueuedClosureWhoseContextEndsIsNeverRun(t *testing.T) {
	s := fresh(t)
	release := occupy(t, s)
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	err := s.Update(short, set("x"))
	wantKind(t, fault.Deadline, err)
	release()
	update(t, s, set("y"))
	if has(t, s, "x") {
		t.Fatal("it was run although its caller was told it was not")
	}
}

func TestAFullQueueIsBusy(t *testing.T) {
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "dta.db"), store.Options{Create: true, Queue: 2, Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release := occupy(t, s)
	results := make(chan error, 3)
	for i := range 3 {
		go func() { results <- s.Update(ctx, set(fmt.Sprint(i))) }()
	}
	wantKind(t, fault.Busy, <-results) // the two others wait
	release()
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestATransactionCannotBeUsedAfterwards(t *testing.T) {
	s := fresh(t)
	var kept *store.Tx
	update(t, s, func(tx *store.Tx) error { kept = tx; return nil })
	wantKind(t, fault.Internal, kept.SetMeta("x", nil))
	view(t, s, func(tx *store.Tx) error {
		wantKind(t, fault.Internal, tx.SetMeta("x", nil))
		return nil
	})
}

func TestAViewSeesOneSnapshot(t *testing.T) {
	s := fresh(t)
	view(t, s, func(tx *store.Tx) error {
		if n, err := tx.AuditSize(); n != 0 || err != nil {
			return fmt.Errorf("size %d, %w", n, err)
		}
		update(t, s, func(tx *store.Tx) error { return tx.PutAuditEntry(store.AuditRow{}) })
		if n, err := tx.AuditSize(); n != 0 || err != nil {
			t.Errorf("the snapshot moved: size %d, %v", n, err)
		}
		return nil
	})
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	s := fresh(t)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, fault.Unavailable, s.Update(ctx, set("x")))
	wantKind(t, fault.Unavailable, s.View(ctx, func(*store.Tx) error { return nil }))
}

func TestClosingLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		s := fresh(t)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { s.Update(ctx, set(fmt.Sprint(i))); has(t, s, "x") })
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 100 {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
