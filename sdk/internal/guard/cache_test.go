package guard

import (
	"bytes"
	"math"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
)

func newCache(t *testing.T, n int) *shares {
	t.Helper()
	c, err := newShares(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func scalarMaterial(fill byte) *secret.Bytes {
	return shareMaterial(asScalar, bytes.Repeat([]byte{fill}, 32))
}

func entry(deposit string) [32]byte {
	return cacheKey(binding{Purpose: NetworkShare}, []byte(deposit))
}

func holds(c *shares, deposit string, fill byte) bool {
	material := c.get(entry(deposit))
	defer material.Clear()
	return material.Equal(scalarMaterial(fill).Open())
}

func TestACachedShareIsFoundAsOftenAsAskedFor(t *testing.T) {
	c := newCache(t, 2)
	given := scalarMaterial(1)
	c.put(entry("a"), given)
	given.Clear()
	for range 3 { // holds clears the copy that it was lent
		if !holds(c, "a", 1) {
			t.Fatal("the share is not the one that was kept")
		}
	}
}

func TestTheOldestShareMakesRoom(t *testing.T) {
	c := newCache(t, 2)
	for i, name := range []string{"a", "b", "a", "c"} {
		c.put(entry(name), scalarMaterial(byte(i)))
	}
	if c.get(entry("a")) != nil || !holds(c, "b", 1) || !holds(c, "c", 3) {
		t.Error("expected b and c, a being the oldest")
	}
	if len(c.slots) != 2 {
		t.Errorf("expected 2 entries; got %d", len(c.slots))
	}
}

func TestAShareIsFoundUnderItsOwnBindingAndDepositOnly(t *testing.T) {
	terms, other := dag.Sum([]byte("terms")), dag.Sum([]byte("other"))
	b := binding{Purpose: NetworkShare, Terms: terms, Custody: other}
	c := newCache(t, 4)
	c.put(cacheKey(b, []byte("deposit")), scalarMaterial(1))
	for name, change := range map[string]func(*binding) string{
		"another deposit":  func(*binding) string { return "deposi" },
		"another purpose":  func(b *binding) string { b.Purpose = Share; return "deposit" },
		"other terms":      func(b *binding) string { b.Terms = other; return "deposit" },
		"another identity": func(b *binding) string { b.Custody = terms; return "deposit" },
		"another epoch":    func(b *binding) string { b.Epoch = 1; return "deposit" },
	} {
		changed := b
		deposit := change(&changed)
		if c.get(cacheKey(changed, []byte(deposit))) != nil {
			t.Errorf("%s: the share was found", name)
		}
	}
	if c.get(cacheKey(b, []byte("deposit"))) == nil {
		t.Error("the share was not found")
	}
}

func TestOnlySharesAreKept(t *testing.T) {
	c := newCache(t, 2)
	for name, m := range map[string]*secret.Bytes{
		"a handle of hardware": shareMaterial(asHandle, bytes.Repeat([]byte{1}, 32)),
		"a short material":     shareMaterial(asScalar, bytes.Repeat([]byte{1}, 31)),
		"a long material":      shareMaterial(asScalar, bytes.Repeat([]byte{1}, 33)),
		"nothing":              nil,
	} {
		if c.put(entry(name), m); c.get(entry(name)) != nil {
			t.Errorf("%s was kept", name)
		}
	}
	if c.put([32]byte{}, scalarMaterial(1)); c.get([32]byte{}) != nil {
		t.Error("a share without a key was kept")
	}
}

func TestWithoutACacheNothingIsKept(t *testing.T) {
	for _, n := range []int{0, -1, math.MinInt} {
		c := newCache(t, n)
		if c.put(entry("a"), scalarMaterial(1)); c.get(entry("a")) != nil || c.page != nil {
			t.Errorf("%d: something was kept", n)
		}
	}
}

func TestWithoutLockedMemoryTheCacheIsOffAndSaysSo(t *testing.T) {
	c, err := newShares(1 << 50)
	if err == nil {
		t.Fatal("expected an error: there is not as much memory")
	}
	if c.put(entry("a"), scalarMaterial(1)); c.get(entry("a")) != nil {
		t.Error("something was kept")
	}
	c.close()
}

func TestAClosedCacheIsEmptyEvenWhileItIsUsed(t *testing.T) {
	c := newCache(t, 8)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := string(rune('a' + i))
			for range 1000 {
				c.put(entry(name), scalarMaterial(byte(i)))
				if material := c.get(entry(name)); material != nil && !material.Equal(scalarMaterial(byte(i)).Open()) {
					t.Error("another share was found")
				}
			}
		})
	}
	c.close()
	wg.Wait()
	c.close()
	for i := range 8 {
		if c.get(entry(string(rune('a'+i)))) != nil {
			t.Error("something is left")
		}
	}
}
