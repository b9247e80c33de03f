package records_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
)

// A courier brings forward at its start what was left for later: that must not use
// up the job of a block whose time is not over yet.
func TestWhatIsNotOverAtAStartIsForgottenAfterwards(t *testing.T) {
	ctx := t.Context()
	s, err := store.Open(ctx, filepath.Join(t.TempDir(), "dta.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	log, err := audit.Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_700_000_000_000)
	c := clock.New(s, func() time.Time { return now })
	var r *records.Records
	forgot := make(chan error, 16)
	handlers := map[string]courier.Handler{records.JobForget: func(ctx context.Context, _ courier.Job) error {
		err := r.Forget(ctx)
		forgot <- err
		return err
	}}
	start := func() *courier.Courier {
		at := now
		return courier.New(s, handlers, courier.Options{Now: func() time.Time { return at }})
	}
	kept := func(block dag.CID) (has bool) {
		if err := s.View(ctx, func(tx *store.Tx) (err error) { has, err = tx.HasBlock(block); return err }); err != nil {
			t.Fatal(err)
		}
		return has
	}

	first := start()
	r = records.New(records.Options{Store: s, Audit: log, Courier: first, Clock: c})
	block, err := dag.Encode("sealed")
	if err != nil {
		t.Fatal(err)
	}
	sealed := dag.Sum(block)
	err = r.Write(ctx, func(w *records.Writer) error {
		if err := w.Until("chapter", sealed, block, now.Add(10*time.Minute).UnixMilli()); err != nil {
			return err
		}
		return w.Audit("test", dag.CID{}, "", sealed, "")
	})
	if err != nil {
		t.Fatal(err)
	}

	first.Start()
	if err := <-forgot; err != nil {
		t.Fatal(err)
	}
	first.Stop()
	if !kept(sealed) {
		t.Fatal("the block was forgotten before its time")
	}

	now = now.Add(time.Hour)
	var pending int
	if err := s.View(ctx, func(tx *store.Tx) (err error) { pending, err = tx.CountJobs(records.JobForget); return err }); err != nil {
		t.Fatal(err)
	}
	if pending != 1 {
		t.Fatalf("jobs that will forget the block: expected 1, found %d", pending)
	}
	second := start()
	second.Start()
	if err := <-forgot; err != nil {
		t.Fatal(err)
	}
	second.Stop()
	if kept(sealed) {
		t.Error("the block is still kept after its time")
	}
}
