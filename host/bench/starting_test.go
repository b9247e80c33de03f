package bench

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkStarting starts a new node, which makes its token and its identities,
// uses it, and stops it.
func BenchmarkStarting(b *testing.B) {
	const times = 5
	var ready, stopped []time.Duration
	for range b.N {
		for range times {
			begin := time.Now()
			n := launch(b, programs())
			ready = append(ready, time.Since(begin))
			n.warm(b)
			begin = time.Now()
			stop(n.cmd)
			stopped = append(stopped, time.Since(begin))
		}
	}
	up, down := median(ready), median(stopped)
	fmt.Printf("\na new node: ready after %.2f s, stopped after %.2f s\n", up.Seconds(), down.Seconds())
	b.ReportMetric(up.Seconds(), "ready-s")
	b.ReportMetric(down.Seconds(), "stopped-s")
	b.ReportMetric(0, "ns/op")
}
