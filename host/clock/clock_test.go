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
			c := clock.New(w.now)
			c.Advance(w.t.UnixMilli())
			w.t = w.t.Add(-step.back)
			wantKind(t, step.want, c.Check())
			w.t = w.t.Add(step.back)
			wantKind(t, "", c.Check())
		})
	}
}

func TestTheMarkOutlivesTheProcess(t *testing.T) {
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "dta.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := noon()
	c := clock.New(w.now)
	for range 3 {
		if err := s.Update(ctx, c.Save); err != nil {
			t.Fatal(err)
		}
		w.t = w.t.Add(time.Minute)
	}

	w.t = noon().t.Add(-time.Hour)
	later := clock.New(w.now)
	if err := s.View(ctx, later.Load); err != nil {
		t.Fatal(err)
	}
	_, err = later.Now()
	wantKind(t, fault.Unavailable, err)
	wantKind(t, fault.Unavailable, s.Update(ctx, later.Save))
	if want := noon().t.Add(2 * time.Minute).UnixMilli(); later.Mark() != want {
		t.Fatalf("mark: expected %d, got %d", want, later.Mark())
	}

	if err := s.Update(ctx, later.Reset); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "", later.Check())
	wantKind(t, "", s.Update(ctx, later.Save))
}

func TestAMarkThatWasNotCommittedDoesNotHold(t *testing.T) {
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "dta.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := noon()
	c := clock.New(w.now)
	err = s.Update(ctx, func(tx *store.Tx) error {
		if err := c.Save(tx); err != nil {
			return err
		}
		return fault.New(fault.Denied, "no")
	})
	wantKind(t, fault.Denied, err)
	if c.Mark() != 0 {
		t.Fatalf("mark is %d", c.Mark())
	}
}

func TestADamagedMarkIsRefused(t *testing.T) {
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "dta.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta("clock/mark", []byte("noon")) }); err != nil {
		t.Fatal(err)
	}
	wantKind(t, fault.Unavailable, s.View(ctx, clock.New(noon().now).Load))
}
