package ledger_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/cmd/dta/authn/ledger"
	"github.com/milagro-dta/dta/protocol/fault"
)

var (
	shop = ledger.Owner{Network: "bafyshop", Server: "door"}
	anna = ledger.Subject{Name: "anna", Enrolment: 1}
	ben  = ledger.Subject{Name: "ben", Enrolment: 1}
	noon = time.UnixMilli(1_800_000_000_000)
)

// fresh is the directory of a ledger just made.
func fresh(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := ledger.Create(t.Context(), dir, shop); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), dir, shop, ledger.Options{Attempts: 3, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func begin(t *testing.T, l *ledger.Ledger, s ledger.Subject) *ledger.Try {
	t.Helper()
	try, err := l.Begin(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return try
}

func wrong(t *testing.T, l *ledger.Ledger, s ledger.Subject, left int) {
	t.Helper()
	if got, err := begin(t, l, s).Wrong(t.Context()); err != nil || got != left {
		t.Fatalf("expected %d tries left; found %d, %v", left, got, err)
	}
}

func locked(t *testing.T, l *ledger.Ledger, s ledger.Subject, want bool) {
	t.Helper()
	if got, err := l.Locked(t.Context(), s); err != nil || got != want {
		t.Errorf("locked: expected %t; found %t, %v", want, got, err)
	}
	try, err := l.Begin(t.Context(), s)
	if errors.Is(err, ledger.ErrLocked) != want {
		t.Errorf("begin: expected locked %t; found %v", want, err)
	}
	if err == nil {
		err = try.Void(t.Context())
	}
	if err != nil && !want {
		t.Error(err)
	}
}

func TestAFewWrongPINsLockASubjectAndNobodyElse(t *testing.T) {
	l := open(t, fresh(t))
	for left := 2; left >= 0; left-- {
		locked(t, l, anna, false)
		wrong(t, l, anna, left)
	}
	locked(t, l, anna, true)
	locked(t, l, ben, false)
	locked(t, l, ledger.Subject{Name: "anna", Enrolment: 2}, false)
}

func TestARightPINForgetsTheWrongOnes(t *testing.T) {
	l := open(t, fresh(t))
	wrong(t, l, anna, 2)
	wrong(t, l, anna, 1)
	if err := begin(t, l, anna).Right(t.Context()); err != nil {
		t.Fatal(err)
	}
	wrong(t, l, anna, 2)
}

func TestWhatWasNoTryOfAPINIsGivenBack(t *testing.T) {
	l := open(t, fresh(t))
	wrong(t, l, anna, 2)
	for range 10 {
		if err := begin(t, l, anna).Void(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wrong(t, l, anna, 1)
}

func TestStrangersFillNoDisk(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	for range 5 {
		if err := begin(t, l, anna).Void(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := begin(t, l, ben).Right(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := ledger.Entries(t.Context(), dir); err != nil || len(all) != 0 {
		t.Errorf("expected no line; found %v, %v", all, err)
	}
}

func TestLoginsSideBySideHaveNoMoreTriesTogether(t *testing.T) {
	l := open(t, fresh(t))
	var verified atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for {
				try, err := l.Begin(t.Context(), anna)
				switch {
				case fault.Of(err) == fault.Busy:
					continue
				case errors.Is(err, ledger.ErrLocked):
					return
				case err != nil:
					t.Error(err)
					return
				}
				verified.Add(1)
				if _, err := try.Wrong(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := verified.Load(); n != 3 {
		t.Errorf("expected 3 tries to be looked at; found %d", n)
	}
	locked(t, l, anna, true)
}

func TestTriesUnderWayMaySpendAllThatAreLeft(t *testing.T) {
	l := open(t, fresh(t))
	wrong(t, l, anna, 2)
	first, second := begin(t, l, anna), begin(t, l, anna)
	if _, err := l.Begin(t.Context(), anna); fault.Of(err) != fault.Busy {
		t.Fatalf("expected busy; found %v", err)
	}
	if err := first.Right(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := second.Wrong(t.Context()); err != nil || left != 2 {
		t.Fatalf("expected 2 tries left; found %d, %v", left, err)
	}
}

func TestATryEndsOnce(t *testing.T) {
	l := open(t, fresh(t))
	try := begin(t, l, anna)
	if _, err := try.Wrong(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := try.Void(t.Context()); err == nil {
		t.Error("expected an error")
	}
	wrong(t, l, anna, 1)
}

func TestAnUnlockingKeepsWhatIsUnderWay(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	if _, err := begin(t, l, anna).Wrong(t.Context()); err != nil {
		t.Fatal(err)
	}
	right, wrong := begin(t, l, anna), begin(t, l, anna)
	if n, err := ledger.Unlock(t.Context(), dir, anna.Name); err != nil || n != 1 {
		t.Fatalf("found %d, %v", n, err)
	}
	if err := right.Right(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := wrong.Wrong(t.Context()); err != nil || left != 2 {
		t.Errorf("found %d left, %v", left, err)
	}
}

// A right PIN is not believed of a try that was not counted before.
func TestATryThatTheStateDoesNotKnowIsNone(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	try := begin(t, l, anna)
	db, err := sql.Open("sqlite", filepath.Join(dir, "logins.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `delete from tries`); err != nil {
		t.Fatal(err)
	}
	if err := try.Right(t.Context()); fault.Of(err) != fault.Internal {
		t.Errorf("expected an internal error; found %v", err)
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	wrong(t, l, anna, 2)
	wrong(t, l, anna, 1)
	wrong(t, l, anna, 0)
	wrong(t, l, ben, 2)
	l.Close()
	l = open(t, dir)
	locked(t, l, anna, true)
	wrong(t, l, ben, 1)
}

func TestWhatACrashInterruptedWasWrong(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	wrong(t, l, anna, 2)
	begin(t, l, anna)
	begin(t, l, anna)
	l.Close()
	locked(t, open(t, dir), anna, true)
}

func TestTheOperatorUnlocksWhetherOrNotTheServerRuns(t *testing.T) {
	for _, running := range []bool{true, false} {
		dir := fresh(t)
		l := open(t, dir)
		for left := 2; left >= 0; left-- {
			wrong(t, l, anna, left)
		}
		wrong(t, l, ben, 2)
		if !running {
			l.Close()
		}
		want := []ledger.Entry{{Subject: anna, Wrong: 3, Last: noon}, {Subject: ben, Wrong: 1, Last: noon}}
		if all, err := ledger.Entries(t.Context(), dir); err != nil || !cmp.Equal(want, all) {
			t.Errorf("%v: %s", err, cmp.Diff(want, all))
		}
		if n, err := ledger.Unlock(t.Context(), dir, "anna"); err != nil || n != 1 {
			t.Fatalf("found %d, %v", n, err)
		}
		if n, err := ledger.Unlock(t.Context(), dir, "nobody"); err != nil || n != 0 {
			t.Fatalf("found %d, %v", n, err)
		}
		if !running {
			l = open(t, dir)
		}
		locked(t, l, anna, false)
		wrong(t, l, ben, 1)
	}
}

func TestAStateIsOneServers(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	if _, err := ledger.Open(t.Context(), dir, shop, ledger.Options{Attempts: 3}); fault.Of(err) != fault.Unavailable {
		t.Errorf("a second server: expected unavailable; found %v", err)
	}
	l.Close()
	for _, other := range []ledger.Owner{{"bafyother", "door"}, {"bafyshop", "gate"}} {
		if _, err := ledger.Open(t.Context(), dir, other, ledger.Options{Attempts: 3}); fault.Of(err) != fault.Conflict {
			t.Errorf("%v: expected conflict; found %v", other, err)
		}
	}
	open(t, dir)
}

func TestTheStateIsItsOwnersAlone(t *testing.T) {
	dir := fresh(t)
	l := open(t, dir)
	wrong(t, l, anna, 2)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: expected 0600; found %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestNoAttemptsAreNoLedger(t *testing.T) {
	if _, err := ledger.Open(t.Context(), fresh(t), shop, ledger.Options{}); fault.Of(err) != fault.Invalid {
		t.Errorf("found %v", err)
	}
}
