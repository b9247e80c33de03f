// Package ipfstest holds every implementation of a log to the same promises,
// and has one that keeps its blocks in memory.
package ipfstest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
)

// Putter is the writing half of a log.
type Putter interface {
	Put(ctx context.Context, block []byte) (dag.CID, error)
}

// Test runs the suite. What is put at one end must be found at the other; the
// two may be the same.
func Test(t *testing.T, put Putter, get ipfs.Getter) {
	t.Run("a block comes back as it was put, under the CID computed here", func(t *testing.T) {
		for _, size := range []int{0, 1, 100, 1024, 70_000, dag.MaxBlock - 16} {
			block := encode(t, map[string][]byte{"body": bytes.Repeat([]byte{byte(size)}, size)})
			c, err := put.Put(within(t, 20*time.Second), block)
			if err != nil {
				t.Fatalf("%d bytes: put: %v", size, err)
			}
			if c != dag.Sum(block) {
				t.Errorf("%d bytes: expected %s, found %s", size, dag.Sum(block), c)
			}
			found, err := get.Get(within(t, 20*time.Second), c)
			if err != nil {
				t.Fatalf("%d bytes: get: %v", size, err)
			}
			if !bytes.Equal(found, block) {
				t.Errorf("%d bytes: expected the same block, found %d bytes", size, len(found))
			}
		}
	})
	t.Run("the same block may be put again", func(t *testing.T) {
		block := encode(t, "again")
		first, err := put.Put(within(t, 20*time.Second), block)
		if err != nil {
			t.Fatal(err)
		}
		second, err := put.Put(within(t, 20*time.Second), block)
		if err != nil || first != second {
			t.Errorf("expected %s, found %s, %v", first, second, err)
		}
	})
	t.Run("a block that is nowhere is not found", func(t *testing.T) {
		_, err := get.Get(within(t, 30*time.Second), dag.Sum(encode(t, "nobody put this")))
		Expect(t, err, fault.NotFound)
	})
	t.Run("a block that is too large is refused", func(t *testing.T) {
		_, err := put.Put(within(t, 20*time.Second), make([]byte, dag.MaxBlock+1))
		Expect(t, err, fault.Invalid)
	})
	t.Run("an undefined CID is refused", func(t *testing.T) {
		_, err := get.Get(within(t, 20*time.Second), dag.CID{})
		Expect(t, err, fault.Invalid)
	})
	t.Run("a call that was given up ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := get.Get(ctx, dag.Sum(encode(t, "too late")))
		Expect(t, err, fault.Deadline)
		_, err = put.Put(ctx, encode(t, "too late"))
		Expect(t, err, fault.Deadline)
	})
	t.Run("many callers at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for caller := range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for n := range 4 {
					block := encode(t, fmt.Sprintf("caller %d block %d", caller, n))
					c, err := put.Put(within(t, 30*time.Second), block)
					if err != nil {
						t.Error(err)
						return
					}
					found, err := get.Get(within(t, 30*time.Second), c)
					if err != nil || !bytes.Equal(found, block) {
						t.Errorf("%s: found %d bytes, %v", c, len(found), err)
						return
					}
				}
			}()
		}
		wg.Wait()
	})
}

// Expect fails unless an error is of a kind.
func Expect(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if fault.Of(err) != kind {
		t.Errorf("expected an error of kind %q, found %q: %v", kind, fault.Of(err), err)
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func encode(t testing.TB, v any) []byte {
	block, err := dag.Encode(v)
	if err != nil {
		t.Error(err)
	}
	return block
}
