package bench

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// rounds is how many orders a run places: enough that the start is lost in it.
const rounds = 400

// BenchmarkOrders places orders of 32 bytes and redeems them.
func BenchmarkOrders(b *testing.B) {
	n := start(b)
	for _, callers := range []int{1, 8, 64} {
		refs := make([]string, rounds)
		secret := make([]byte, 32)
		b.Run(fmt.Sprintf("place/%d-callers", callers), func(b *testing.B) {
			for range b.N {
				rate(b, callers, func(i int) (err error) {
					refs[i], err = n.place(secret)
					return err
				})
			}
		})
		b.Run(fmt.Sprintf("redeem/%d-callers", callers), func(b *testing.B) {
			for range b.N {
				rate(b, callers, func(i int) error { return n.redeem(refs[i]) })
			}
		})
	}
}

// rate reports how many rounds of work are done a second.
func rate(b *testing.B, callers int, work func(i int) error) {
	begin := time.Now()
	share(b, rounds, callers, work)
	b.ReportMetric(rounds/time.Since(begin).Seconds(), "per-s")
	b.ReportMetric(0, "ns/op")
}

// share has callers share rounds of work.
func share(b *testing.B, rounds, callers int, work func(i int) error) {
	b.Helper()
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range rounds {
			next <- i
		}
	}()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range next {
				if err := work(i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
}
