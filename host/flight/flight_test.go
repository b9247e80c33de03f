package flight_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/protocol/fault"
)

func TestCallersOfTheSameWorkShareIt(t *testing.T) {
	g := flight.New[int]()
	defer g.Close()
	var runs atomic.Int32
	release := make(chan struct{})
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			got, err := g.Do(t.Context(), "key", time.Minute, func(context.Context) (int, error) {
				runs.Add(1)
				<-release
				return 7, nil
			})
			if got != 7 || err != nil {
				t.Errorf("expected 7; found %d, %v", got, err)
			}
		})
	}
	for runs.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	close(release)
	wg.Wait()
	if n := runs.Load(); n != 1 {
		t.Errorf("expected one run; found %d", n)
	}
}

func TestWorkGoesOnWhenItsCallerHasGone(t *testing.T) {
	g := flight.New[int]()
	defer g.Close()
	ctx, cancel := context.WithCancel(t.Context())
	started, finished := make(chan struct{}), make(chan error, 1)
	go func() { <-started; cancel() }()
	_, err := g.Do(ctx, "key", time.Minute, func(work context.Context) (int, error) {
		close(started)
		<-ctx.Done()
		finished <- work.Err()
		return 0, nil
	})
	if fault.Of(err) != fault.Deadline {
		t.Errorf("expected the caller to be told that it goes on; found %v", err)
	}
	if err := <-finished; err != nil {
		t.Errorf("expected the work to have a context of its own; found %v", err)
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	g := flight.New[int]()
	defer g.Close()
	_, err := g.Do(t.Context(), "key", time.Minute, func(context.Context) (int, error) { panic("oops") })
	if fault.Of(err) != fault.Internal {
		t.Errorf("expected an internal error; found %v", err)
	}
}

func TestCloseCancelsAndWaits(t *testing.T) {
	g := flight.New[int]()
	started := make(chan struct{})
	ended := atomic.Bool{}
	go func() {
		_, _ = g.Do(context.Background(), "key", time.Minute, func(ctx context.Context) (int, error) {
			close(started)
			<-ctx.Done()
			ended.Store(true)
			return 0, ctx.Err()
		})
	}()
	<-started
	g.Close()
	if !ended.Load() {
		t.Error("expected Close to wait for the work")
	}
	if _, err := g.Do(t.Context(), "other", time.Minute, func(context.Context) (int, error) { return 0, nil }); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected a closed group to take no work; found %v", err)
	}
}
