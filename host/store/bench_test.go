package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/host/store"
)

// BenchmarkUpdate commits a 300-byte value under a random key, durably.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			s := fresh(b)
			value := random(300)
			work := make(chan struct{})
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for range work {
						name := fmt.Sprintf("%x", random(16))
						if err := s.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta(name, value) }); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

func BenchmarkView(b *testing.B) {
	s := fresh(b)
	update(b, s, set("x"))
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			has(b, s, "x")
		}
	})
}
