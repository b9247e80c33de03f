package identity

import (
	"bytes"
	"sync"
	"testing"

	"github.com/milagro-dta/dta/protocol/dag"
)

func TestACacheReturnsWhatItVerifiedBefore(t *testing.T) {
	k, _ := create(t, Node, "acme")
	c := NewCache(8)
	first, err := c.Verify(k.Identity().Blocks())
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Verify(k.Identity().Blocks())
	if err != nil {
		t.Fatal(err)
	}
	if first != again {
		t.Error("expected the identity verified before, found one verified again")
	}
}

func TestACacheVerifiesOnlyWhatIsNewInAChain(t *testing.T) {
	k, next := create(t, Node, "acme")
	c := NewCache(8)
	short, err := c.Verify(k.Identity().Blocks())
	if err != nil {
		t.Fatal(err)
	}
	k, _ = rotate(t, k, next, tuesday)
	long, err := c.Verify(k.Identity().Blocks())
	if err != nil {
		t.Fatal(err)
	}
	if long.links[0].doc != short.links[0].doc {
		t.Error("expected the first document to be the one verified before")
	}
	if !long.Extends(short) || long.Doc.Sequence != 1 {
		t.Errorf("expected the chain to go on, found document %d", long.Doc.Sequence)
	}
	if short.Document == long.Document || len(short.Blocks()) != 1 {
		t.Error("expected the shorter identity to stay as it was")
	}
}

func TestACacheIsNotFooledByAKnownBeginning(t *testing.T) {
	k, next := create(t, Node, "acme")
	c := NewCache(8)
	if _, err := c.Verify(k.Identity().Blocks()); err != nil {
		t.Fatal(err)
	}
	k, _ = rotate(t, k, next, tuesday)
	b := k.Identity().Blocks()
	for i := range b {
		changed := [][]byte{b[0], b[1]}
		changed[i] = bytes.Clone(b[i])
		changed[i][len(changed[i])-1] ^= 1
		if _, err := c.Verify(changed); err == nil {
			t.Errorf("expected a change in document %d to be noticed", i)
		}
	}
}

func TestACacheKeepsItsOwnCopyOfTheBlocks(t *testing.T) {
	k, _ := create(t, Node, "acme")
	c := NewCache(8)
	blocks := [][]byte{bytes.Clone(k.Identity().Blocks()[0])}
	id, err := c.Verify(blocks)
	if err != nil {
		t.Fatal(err)
	}
	clear(blocks[0])
	if got := dag.Sum(id.Blocks()[0]); got != k.Identity().Name {
		t.Errorf("expected block %s, found %s", k.Identity().Name, got)
	}
}

func TestACacheForgetsWhatWasNotUsedForLongest(t *testing.T) {
	c := NewCache(2)
	var ks []*Keyring
	for range 3 {
		k, _ := create(t, Node, "acme")
		ks = append(ks, k)
		if _, err := c.Verify(k.Identity().Blocks()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(ks[0].Identity().Blocks()); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.order.Len(); n != 2 || len(c.byKey) != 2 {
		t.Errorf("expected 2 chains, found %d", n)
	}
	kept := c.order.Back().Value.(*cached).identity.Name
	if kept != ks[2].Identity().Name {
		t.Errorf("expected the second chain to be forgotten, found %s kept", kept)
	}
}

func TestACacheServesManyAtOnce(t *testing.T) {
	c := NewCache(2)
	var ks []*Keyring
	for range 3 {
		k, _ := create(t, Node, "acme")
		ks = append(ks, k)
	}
	var all sync.WaitGroup
	for n := range 24 {
		k := ks[n%len(ks)]
		all.Go(func() {
			id, err := c.Verify(k.Identity().Blocks())
			if err != nil || id.Name != k.Identity().Name {
				t.Errorf("expected %s, found %v, %v", k.Identity().Name, id, err)
			}
		})
	}
	all.Wait()
}

func BenchmarkVerify(b *testing.B) {
	k, _ := create(b, Node, "acme")
	blocks := k.Identity().Blocks()
	b.Run("anew", func(b *testing.B) {
		for b.Loop() {
			if _, err := Verify(blocks); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse only", func(b *testing.B) {
		for b.Loop() {
			if _, err := ParseDocument(blocks[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		c := NewCache(1)
		for b.Loop() {
			if _, err := c.Verify(blocks); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestACacheFindsAChainByItsNewestDocument(t *testing.T) {
	k, next := create(t, Node, "acme")
	first := k.Identity()
	k, _ = rotate(t, k, next, tuesday)
	c := NewCache(1)
	if _, err := c.Verify(k.Identity().Blocks()); err != nil {
		t.Fatal(err)
	}
	if got := c.Find(k.Identity().Document); got == nil || got.Document != k.Identity().Document || len(got.Blocks()) != 2 {
		t.Errorf("found %v", got)
	}
	// It is the newest of no chain that was shown.
	if got := c.Find(first.Document); got != nil {
		t.Errorf("an earlier document: found %v", got)
	}
	other, _ := create(t, Node, "other")
	if _, err := c.Verify(other.Identity().Blocks()); err != nil {
		t.Fatal(err)
	}
	if got := c.Find(k.Identity().Document); got != nil {
		t.Errorf("a chain that was forgotten: found %v", got)
	}
}

func TestACacheKeepsWhatIsNeededAtOnceWhateverItsSize(t *testing.T) {
	c := NewCacheKeeping(4, 3)
	c.size = 1
	for range 4 {
		k, _ := create(t, Node, "acme")
		if _, err := c.Verify(k.Identity().Blocks()); err != nil {
			t.Fatal(err)
		}
	}
	if c.order.Len() != 3 || len(c.byDocument) != 3 {
		t.Errorf("expected 3 chains; found %d", c.order.Len())
	}
}
