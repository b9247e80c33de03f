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

func TestASizedMapHoldsAtMostTwiceItsSize(t *testing.T) {
	m := cache.Sized[int](100, func(v []byte) int { return len(v) })
	for i := range 1000 {
		m.Put(i, make([]byte, 1+i%30))
	}
	held := 0
	for i := 999; i >= 0; i-- {
		if v, ok := m.Get(i); ok {
			held += len(v)
		} else if held < 70 {
			t.Fatalf("expected the entries put last; found %d bytes of them", held)
		}
	}
	if held > 200 {
		t.Errorf("expected at most 200 bytes; found %d", held)
	}
	m.Put(-1, make([]byte, 1000)) // larger than all: it is the only one
	if _, ok := m.Get(-1); !ok {
		t.Error("the entry put last is not there")
	}
}
