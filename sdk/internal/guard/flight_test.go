package guard

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestRepeatsJoinTheCallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights[int]
		runs, release := 0, make(chan struct{})
		work := func(context.Context) (int, error) {
			runs++
			<-release
			return runs, nil
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if got, err := fs.do(t.Context(), "op", work); got != 1 || err != nil {
					t.Errorf("expected the first answer; got %d, %v", got, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if got, _ := fs.do(t.Context(), "op", work); got != 2 {
			t.Errorf("expected a call afterwards to run anew; got run %d", got)
		}
		if len(fs.all) != 0 {
			t.Errorf("%d flights were left behind", len(fs.all))
		}
	})
}

func TestOtherCallsDoNotJoin(t *testing.T) {
	var fs flights[string]
	for _, key := range []string{"a", "b"} {
		got, err := fs.do(t.Context(), key, func(context.Context) (string, error) { return key, nil })
		if got != key || err != nil {
			t.Errorf("expected %q; got %q, %v", key, got, err)
		}
	}
}

func TestAHurriedCallerDoesNotSpoilItForThoseWhoJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights[int]
		work := func(ctx context.Context) (int, error) {
			select {
			case <-time.After(10 * time.Second):
				return 1, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		patient, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := fs.do(hurried, "op", work); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("hurried: expected its deadline; got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if got, err := fs.do(patient, "op", work); got != 1 || err != nil {
				t.Errorf("patient: expected the answer; got %d, %v", got, err)
			}
		})
		wg.Wait()
	})
}

func TestTheWorkKnowsTheLatestDeadlineAndEndsWhenAllHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights[int]
		ended := make(chan struct{})
		var seen context.Context
		work := func(ctx context.Context) (int, error) {
			seen = ctx
			<-ctx.Done()
			close(ended)
			return 0, ctx.Err()
		}
		var wg sync.WaitGroup
		for _, d := range []time.Duration{2 * time.Second, 5 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			wg.Go(func() { _, _ = fs.do(ctx, "op", work) })
			synctest.Wait()
		}
		if at, ok := seen.Deadline(); !ok || time.Until(at) != 5*time.Second {
			t.Errorf("expected 5 s left; got %s", time.Until(at))
		}
		wg.Wait()
		<-ended
	})
}

func TestAPanicIsAnErrorForEveryCaller(t *testing.T) {
	var fs flights[int]
	_, err := fs.do(t.Context(), "op", func(context.Context) (int, error) { panic("canary") })
	if fault.Of(err) != fault.Internal {
		t.Errorf("expected internal; got %v", err)
	}
	if len(fs.all) != 0 {
		t.Errorf("%d flights were left behind", len(fs.all))
	}
}

func TestACallWhoseGoroutineEndsIsAnErrorToo(t *testing.T) {
	var fs flights[*int]
	_, err := fs.do(t.Context(), "op", func(context.Context) (*int, error) {
		runtime.Goexit()
		return new(int), nil
	})
	if fault.Of(err) != fault.Internal {
		t.Errorf("expected internal; got %v", err)
	}
}
