package lru

import "testing"

func TestTheLeastRecentlyUsedLeavesFirst(t *testing.T) {
	c := New[string, int](2)
	c.Put("a", 1)
	c.Put("b", 2)
	c.Put("a", 3) // is there already
	if v, ok := c.Get("a"); !ok || v != 1 {
		t.Errorf("expected 1, found %d, %t", v, ok)
	}
	c.Put("c", 3)
	if _, ok := c.Get("b"); ok {
		t.Error("expected b to have left")
	}
	for key, want := range map[string]int{"a": 1, "c": 3} {
		if v, ok := c.Get(key); !ok || v != want {
			t.Errorf("%s: expected %d, found %d, %t", key, want, v, ok)
		}
	}
	if n := len(c.byKey); n != 2 {
		t.Errorf("expected 2 entries, found %d", n)
	}
}
