package store_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// TestWhatIsForgottenIsInNoFileOnceTheLogIsCut, while others go on writing; and a
// log that is being read is not called cut.
func TestWhatIsForgottenIsInNoFileOnceTheLogIsCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s, err := store.Open(t.Context(), path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	person := []byte("canary of a person")
	found := func() (n int) {
		for _, file := range []string{path, path + "-wal", path + "-shm"} {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(text, person)
		}
		return n
	}
	for i := range 400 {
		e := enrolment("mark", uint64(i), "enrolled")
		e.Person = person
		update(t, s, func(tx *store.Tx) error { return tx.InsertEnrolment(e) })
	}
	if found() == 0 {
		t.Fatal("expected the canary to be there before")
	}
	view(t, s, func(tx *store.Tx) error {
		// A snapshot of before, by which the log is needed still.
		if _, err := tx.Enrolment("fiduciary", "aa", "mark"); err != nil {
			return err
		}
		update(t, s, func(tx *store.Tx) error {
			n, err := tx.ForgetPerson("fiduciary", "aa", "mark")
			same(t, 400, n)
			return err
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := s.Cut(ctx); fault.Of(err) != fault.Busy && fault.Of(err) != fault.Deadline {
			t.Errorf("while it is read: found %v", err)
		}
		return nil
	})
	if err := s.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() != 0 {
		t.Errorf("expected an empty log; found %v, %v", info, err)
	}
	if n := found(); n != 0 {
		t.Errorf("the canary is in the files %d times", n)
	}
	view(t, s, func(tx *store.Tx) error {
		n, err := tx.CountEnrolments("fiduciary", "aa", "enrolled")
		same(t, 400, n)
		return err
	})
}
