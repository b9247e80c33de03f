package clock_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

var ctx = context.Background()

type wall struct{ t time.Time }

func (w *wall) now() time.Time { return w.t }

func noon() *wall { return &wall{time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)} }

func wantKind(t *testing.T, want fault.Kind, err error) {
	t.Helper()
	if got := fault.Of(err); got != want {
		t.Fatalf("expected %q, got %q (%v)", want, got, err)
	}
}

func TestAClockSetBackIsRefusedUntilItHasCaughtUp(t *testing.T) {
	for _, step := range []struct {
		name string
		back time.Duration
		want fault.Kind
	}{
		{"going on", -time.Hour, ""},
		{"standing still", 0, ""},
		{"corrected by two minutes", clock.Tolerance, ""},
		{"a moment more than two minutes", clock.Tolerance + time.Millisecond, fault.Unavailable},
		{"a year", 365 * 24 * time.Hour, fault.Unavailable},
	} {
		t.Run(step.name, func(t *testing.T) {
			w := noon()
			s := open(t, filepath.Join(t.TempDir(), "dta.db"))
			c := clock.New(s, w.now)
			wantKind(t, "", s.Update(ctx, stamp(w)))
			w.t = w.t.Add(-step.back)
			wantKind(t, step.want, c.Check())
			w.t = w.t.Add(step.back)
			wantKind(t, "", c.Check())
		})
	}
}

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(ctx, path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func stamp(w *wall) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.Stamp(w.t.UnixMilli()) }
}

func TestWhatIsCommittedHoldsTheClock(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "dta.db"))
	w := noon()
	c := clock.New(s, w.now)
	wantKind(t, "", s.Update(ctx, stamp(w)))
	w.t = w.t.Add(-clock.Tolerance - time.Second)
	wantKind(t, fault.Unavailable, c.Check())
}

func TestTheMarkOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	w := noon()
	for range 3 {
		wantKind(t, "", s.Update(ctx, stamp(w)))
		w.t = w.t.Add(time.Minute)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	w.t = noon().t.Add(-time.Hour)
	s = open(t, path)
	c := clock.New(s, w.now)
	_, err := c.Now()
	wantKind(t, fault.Unavailable, err)
	if want := noon().t.Add(2 * time.Minute); !c.Mark().Equal(want) {
		t.Fatalf("mark: expected %s, got %s", want, c.Mark())
	}
}

func TestAClockThatRanAheadIsReset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	w := noon()
	c := clock.New(s, w.now)
	unrecorded := func(*store.Tx, time.Time) error { t.Error("recorded"); return nil }
	wantKind(t, fault.Conflict, c.Reset(ctx, unrecorded))
	wantKind(t, "", s.Update(ctx, stamp(w)))
	wantKind(t, fault.Conflict, c.Reset(ctx, unrecorded))

	w.t = w.t.Add(-time.Hour)
	wantKind(t, fault.Denied, c.Reset(ctx, func(*store.Tx, time.Time) error { return fault.New(fault.Denied, "no") }))
	wantKind(t, fault.Unavailable, c.Check())

	wantKind(t, "", c.Reset(ctx, func(tx *store.Tx, now time.Time) error { return tx.Stamp(now.UnixMilli()) }))
	wantKind(t, "", c.Check())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "", clock.New(open(t, path), w.now).Check())
}

func TestAMarkThatWasNotCommittedDoesNotHold(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "dta.db"))
	w := noon()
	err := s.Update(ctx, func(tx *store.Tx) error {
		if err := stamp(w)(tx); err != nil {
			return err
		}
		return fault.New(fault.Denied, "no")
	})
	wantKind(t, fault.Denied, err)
	if mark := clock.New(s, w.now).Mark(); mark.UnixMilli() != 0 {
		t.Fatalf("mark is %s", mark)
	}
}

func TestADamagedMarkIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dta.db")
	s := open(t, path)
	wantKind(t, "", s.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta("stamp", []byte("noon")) }))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(ctx, path, store.Options{Create: true})
	wantKind(t, fault.Conflict, err)
}
