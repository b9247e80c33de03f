package cache_test

import (
	"testing"

	"github.com/milagro-dta/dta/host/cache"
)

func TestMapKeepsWhatIsUsedAndForgetsTheRest(t *testing.T) {
	m := cache.New[int, int](10)
	m.Put(0, 100)
	for i := 1; i < 1000; i++ {
		m.Put(i, i)
		if v, ok := m.Get(0); !ok || v != 100 {
			t.Fatalf("after %d entries: expected the one in use to be there; found %d, %t", i, v, ok)
		}
	}
	left := 0
	for i := range 1000 {
		if _, ok := m.Get(i); ok {
			left++
		}
	}
	if left < 10 || left > 20 {
		t.Errorf("expected 10 to 20 entries; found %d", left)
	}
}
