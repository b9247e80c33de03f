package courier_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/protocol/fault"
)

// written is a log as it was written.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

// count counts the lines of a level.
func (w *written) count(level string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.text.String(), "["+level+"]")
}

func TestAPlaceThatDoesNotAnswerIsToldOfOnceAndOnceWhenItDoes(t *testing.T) {
	s := fresh(t)
	var log written
	var up atomic.Bool
	var done atomic.Int32
	start(t, s, courier.Options{Log: hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &log})},
		map[string]courier.Handler{"publish": func(_ context.Context, j courier.Job) error {
			if !up.Load() {
				return fault.New(fault.Unavailable, "connection refused")
			}
			done.Add(1)
			return nil
		}})
	for outage := 1; outage <= 2; outage++ {
		up.Store(false)
		attempts := log.count("DEBUG")
		for i := range 8 {
			enqueue(t, s, courier.Job{Kind: "publish", Key: fmt.Sprint(outage, i), Place: "ipfs"})
		}
		await(t, "several attempts", func() bool { return log.count("DEBUG") >= attempts+10 })
		if n := log.count("WARN"); n != outage {
			t.Errorf("outage %d: expected %d warnings; found %d:\n%s", outage, outage, n, &log.text)
		}
		up.Store(true)
		await(t, "everything is done", func() bool { return done.Load() == int32(8*outage) })
		await(t, "the end is told", func() bool { return log.count("INFO") >= outage })
		if n := log.count("INFO"); n != outage {
			t.Errorf("outage %d: expected its end once; found %d ends:\n%s", outage, n, &log.text)
		}
	}
}

func TestAJobThatGoesNowhereIsToldOfWhenItFailsFirst(t *testing.T) {
	s := fresh(t)
	var log written
	var attempts atomic.Int32
	start(t, s, courier.Options{Log: hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: &log})},
		map[string]courier.Handler{"redeem": func(context.Context, courier.Job) error {
			if attempts.Add(1) < 4 {
				return fault.New(fault.Unavailable, "not enough answers")
			}
			return nil
		}})
	enqueue(t, s, courier.Job{Kind: "redeem", Key: "r"})
	await(t, "it is done", func() bool { return log.count("INFO") == 1 })
	if n := log.count("WARN"); n != 1 {
		t.Errorf("expected one warning; found %d:\n%s", n, &log.text)
	}
}
