package courier_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

var ctx = context.Background()

func fresh(t testing.TB) *store.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "dta.db"))
}

func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(ctx, path, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func start(t testing.TB, s *store.Store, o courier.Options, handlers map[string]courier.Handler) *courier.Courier {
	t.Helper()
	c := courier.New(s, handlers, o)
	c.Start()
	t.Cleanup(c.Stop)
	return c
}

func enqueue(t testing.TB, s *store.Store, jobs ...courier.Job) {
	t.Helper()
	err := s.Update(ctx, func(tx *store.Tx) error {
		for _, j := range jobs {
			if err := courier.Enqueue(tx, j); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// await waits for something that will come true.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func wantKind(t testing.TB, want fault.Kind, err error) {
	t.Helper()
	if got := fault.Of(err); got != want {
		t.Fatalf("kind of error: expected %q, got %q (%v)", want, got, err)
	}
}

func TestEveryJobIsDoneOnceAndWithWhatItCarries(t *testing.T) {
	s := fresh(t)
	var mu sync.Mutex
	done := map[string]string{}
	c := start(t, s, courier.Options{}, map[string]courier.Handler{"notice": func(_ context.Context, j courier.Job) error {
		mu.Lock()
		defer mu.Unlock()
		if done[j.Key] != "" {
			t.Errorf("%s was done twice", j.Key)
		}
		done[j.Key] = string(j.Payload)
		return nil
	}})
	const n = 200
	for i := range n {
		enqueue(t, s, courier.Job{Kind: "notice", Key: fmt.Sprint(i), Payload: fmt.Appendf(nil, "payload %d", i)})
		c.Kick()
	}
	await(t, "an empty queue", func() bool { return c.Status()[0].Pending == 0 })
	for i := range n {
		if got, want := done[fmt.Sprint(i)], fmt.Sprintf("payload %d", i); got != want {
			t.Errorf("expected %q, got %q", want, got)
		}
	}
}

func TestAJobExistsOnlyIfItsTransactionIsCommitted(t *testing.T) {
	s := fresh(t)
	c := courier.New(s, map[string]courier.Handler{"notice": nil}, courier.Options{})
	err := s.Update(ctx, func(tx *store.Tx) error {
		if err := courier.Enqueue(tx, courier.Job{Kind: "notice", Key: "a"}); err != nil {
			return err
		}
		return errors.New("changed my mind")
	})
	if err == nil || c.Status()[0].Pending != 0 {
		t.Fatalf("%v, %+v", err, c.Status())
	}
}

func TestTheSameWorkIsQueuedOnceAndCanBeCancelled(t *testing.T) {
	s := fresh(t)
	c := courier.New(s, map[string]courier.Handler{"notice": nil}, courier.Options{})
	enqueue(t, s, courier.Job{Kind: "notice", Key: "a"}, courier.Job{Kind: "notice", Key: "a"}, courier.Job{Kind: "notice", Key: "b"})
	if n := c.Status()[0].Pending; n != 2 {
		t.Fatalf("expected 2 jobs, got %d", n)
	}
	for range 2 {
		err := s.Update(ctx, func(tx *store.Tx) error { return courier.Cancel(tx, "notice", "a") })
		if n := c.Status()[0].Pending; err != nil || n != 1 {
			t.Fatalf("expected 1 job, got %d, %v", n, err)
		}
	}
}

func TestAJobThatFailsForNowIsTriedAgain(t *testing.T) {
	s := fresh(t)
	var tries atomic.Int32
	c := start(t, s, courier.Options{}, map[string]courier.Handler{"notice": func(_ context.Context, j courier.Job) error {
		switch tries.Add(1) {
		case 1:
			return fault.New(fault.Unavailable, "peer is down")
		case 2:
			panic("fault")
		}
		return nil
	}})
	enqueue(t, s, courier.Job{Kind: "notice", Key: "a"})
	c.Kick()
	await(t, "the reason in the status", func() bool { return c.Status()[0].Failing == "peer is down" })
	await(t, "success", func() bool { return c.Status()[0].Pending == 0 })
	if tries.Load() != 3 {
		t.Fatalf("tried %d times", tries.Load())
	}
}

func TestAHopelessJobIsParkedWithItsReasonAndTakenUpWhenEnqueuedAgain(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Invalid, fault.Denied, fault.NotFound, fault.Conflict, fault.Unsupported} {
		t.Run(string(kind), func(t *testing.T) {
			s := fresh(t)
			var tries atomic.Int32
			c := start(t, s, courier.Options{}, map[string]courier.Handler{"notice": func(context.Context, courier.Job) error {
				if tries.Add(1) > 1 {
					return nil
				}
				return fault.New(kind, "it says no")
			}})
			job := courier.Job{Kind: "notice", Key: "a"}
			enqueue(t, s, job)
			c.Kick()
			await(t, "parked", func() bool { return c.Status()[0].Failed == 1 })
			if st := c.Status()[0]; st.Reason != "it says no" || st.Pending != 0 {
				t.Fatalf("%+v", st)
			}
			enqueue(t, s, job)
			c.Kick()
			await(t, "done", func() bool { st := c.Status()[0]; return st.Failed == 0 && st.Pending == 0 })
		})
	}
}

func TestTheStatusDoesNotTellInternals(t *testing.T) {
	s := fresh(t)
	c := start(t, s, courier.Options{}, map[string]courier.Handler{"notice": func(context.Context, courier.Job) error {
		return errors.New("dial /secret/path")
	}})
	enqueue(t, s, courier.Job{Kind: "notice", Key: "a"})
	c.Kick()
	await(t, "a reason", func() bool { return c.Status()[0].Failing != "" })
	if got := c.Status()[0].Failing; got != "internal error" {
		t.Fatal(got)
	}
}

func TestASilentPlaceDoesNotUseUpTheHands(t *testing.T) {
	s := fresh(t)
	var silent, done atomic.Int32
	c := start(t, s, courier.Options{Concurrency: 2}, map[string]courier.Handler{"notice": func(ctx context.Context, j courier.Job) error {
		if j.Place == "silent" {
			silent.Add(1)
			return fault.New(fault.Deadline, "no answer")
		}
		done.Add(1)
		return nil
	}})
	var jobs []courier.Job
	for i := range 500 {
		jobs = append(jobs, courier.Job{Kind: "notice", Key: fmt.Sprint("s", i), Place: "silent"})
	}
	for i := range 50 {
		jobs = append(jobs, courier.Job{Kind: "notice", Key: fmt.Sprint("l", i), Place: "lively", Due: 1})
	}
	enqueue(t, s, jobs...)
	c.Kick()
	await(t, "the lively place is served", func() bool { return done.Load() == 50 })
	if n := silent.Load(); n == 0 || n > 50 {
		t.Fatalf("the silent place was tried %d times meanwhile", n)
	}
}

func TestAFullQueueFailsTheTransaction(t *testing.T) {
	s := fresh(t)
	err := s.Update(ctx, func(tx *store.Tx) error {
		for i := range 3 {
			if err := tx.EnqueueJob(courier.Job{Kind: "notice", Key: fmt.Sprint(i)}, 2); err != nil {
				return err
			}
		}
		return nil
	})
	wantKind(t, fault.Busy, err)
	wantKind(t, fault.Internal, s.Update(ctx, func(tx *store.Tx) error {
		return courier.Enqueue(tx, courier.Job{Kind: "notice", Key: "x", Payload: make([]byte, courier.MaxPayload+1)})
	}))
}

func TestKindsDoNotWaitForOneAnother(t *testing.T) {
	s := fresh(t)
	leave := make(chan struct{})
	var done atomic.Int32
	c := start(t, s, courier.Options{Concurrency: 1}, map[string]courier.Handler{
		"publish": func(ctx context.Context, _ courier.Job) error { <-leave; return nil },
		"notice":  func(context.Context, courier.Job) error { done.Add(1); return nil },
	})
	enqueue(t, s, courier.Job{Kind: "publish", Key: "a"}, courier.Job{Kind: "notice", Key: "a"})
	c.Kick()
	await(t, "the notice", func() bool { return done.Load() == 1 })
	close(leave)
}

func TestWhatAnEarlierProcessHadInHandIsDoneAtOnce(t *testing.T) {
	s := fresh(t)
	enqueue(t, s, courier.Job{Kind: "notice", Key: "a"})
	err := s.Update(ctx, func(tx *store.Tx) error {
		jobs, err := tx.ClaimJobs("the dead", []string{"notice"}, time.Now().UnixMilli(), time.Hour.Milliseconds(), 10)
		if err == nil && len(jobs) != 1 {
			err = fmt.Errorf("claimed %d", len(jobs))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, s, courier.Options{}, map[string]courier.Handler{"notice": func(context.Context, courier.Job) error { return nil }})
	await(t, "done", func() bool { return c.Status()[0].Pending == 0 })
}

func TestClaimsOfSeveralProcessesAreDisjointUntilTheirLeaseEnds(t *testing.T) {
	s := fresh(t)
	for i := range 10 {
		enqueue(t, s, courier.Job{Kind: "notice", Key: fmt.Sprint(i)})
	}
	claim := func(owner string, now int64, n int) (keys []string) {
		t.Helper()
		err := s.Update(ctx, func(tx *store.Tx) error {
			jobs, err := tx.ClaimJobs(owner, []string{"other", "notice"}, now, 1000, n)
			for _, j := range jobs {
				keys = append(keys, j.Key)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	a, b := claim("a", 1, 4), claim("b", 500, 10)
	seen := map[string]bool{}
	for _, k := range append(a, b...) {
		if seen[k] {
			t.Errorf("%s was claimed twice", k)
		}
		seen[k] = true
	}
	if len(a) != 4 || len(b) != 6 || len(claim("c", 1000, 10)) != 0 {
		t.Fatalf("a %v, b %v", a, b)
	}
	if c := claim("c", 1001, 10); len(c) != 4 {
		t.Fatalf("after a's lease: %v", c)
	}
	// What a still believes to have is no longer its own to finish.
	if err := s.Update(ctx, func(tx *store.Tx) error { return tx.FinishJob("a", "notice", a[0]) }); err != nil {
		t.Fatal(err)
	}
	err := s.View(ctx, func(tx *store.Tx) error {
		n, err := tx.CountJobs("notice")
		if n != 10 {
			t.Errorf("expected 10 pending, got %d", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStopWaitsGivesBackAndLeavesNoGoroutine(t *testing.T) {
	s := fresh(t)
	if err := s.View(ctx, func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	c := courier.New(s, nil, courier.Options{Grace: time.Millisecond})
	started := make(chan struct{})
	var ended atomic.Bool
	c.Handle("slow", func(ctx context.Context, _ courier.Job) error {
		close(started)
		<-ctx.Done()
		ended.Store(true)
		return ctx.Err()
	})
	before := runtime.NumGoroutine()
	c.Start()
	enqueue(t, s, courier.Job{Kind: "slow", Key: "a"})
	c.Kick()
	<-started
	c.Stop()
	c.Stop()
	if !ended.Load() {
		t.Fatal("Stop did not wait")
	}
	err := s.Update(ctx, func(tx *store.Tx) error {
		jobs, err := tx.ClaimJobs("next", []string{"slow"}, time.Now().UnixMilli(), 1000, 10)
		if len(jobs) != 1 || jobs[0].Attempts != 0 {
			t.Errorf("expected the job back, untouched; got %+v", jobs)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// database/sql may keep a goroutine for each reader that was opened meanwhile.
	await(t, "no goroutine left", func() bool { return runtime.NumGoroutine() <= before || !stacksMention("host/courier.(*Courier)") })
}

func stacksMention(text string) bool {
	b := make([]byte, 1<<20)
	return strings.Contains(string(b[:runtime.Stack(b, true)]), text)
}
