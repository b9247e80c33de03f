package bench

import (
	"slices"
	"testing"
	"time"
)

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func TestMedianIsTheMiddle(t *testing.T) {
	if got := median([]time.Duration{5, 1, 3}); got != 3 {
		t.Errorf("expected 3; found %d", got)
	}
}
