package order

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
)

// stored is one object of an order as it lies in a store: its block, the link
// under which it is found, and a reader that has everything else of the order.
type stored struct {
	name  string
	link  dag.CID
	block []byte
	read  func(block []byte) error
}

// objects lists every stored object of one order: documents, the four parts,
// their plaintexts, the detached blocks.
func (h *history) objects() []stored {
	var all []stored
	for _, k := range []*identity.Keyring{h.nodes[0], h.custody[0]} {
		block := k.Identity().Blocks()[0]
		all = append(all, stored{"document of " + k.Identity().Doc.Reference, k.Identity().Document, block, func(b []byte) error {
			id, err := identity.Verify([][]byte{b})
			if err == nil && id.Name != k.Identity().Name {
				err = fmt.Errorf("another name")
			}
			return err
		}})
	}
	for _, part := range parts {
		p := h.part(part, 0)
		all = append(all, stored{part, p.CID(), p.Block(), func(b []byte) error { return h.verify(part, 0, b, p.Plain()) }})
		all = append(all, stored{part + "'s plaintext", dag.Sum(p.Plain()), p.Plain(), func(b []byte) error { return h.verify(part, 0, p.Block(), b) }})
	}
	share, ciphertext := h.placed.Detached[0], h.placed.Detached[1]
	return append(all,
		stored{"share", share.CID, share.Bytes, func(b []byte) error {
			_, err := OpenShare(h.custody[0], h.order, 0, b)
			return err
		}},
		stored{"ciphertext", ciphertext.CID, ciphertext.Bytes, func(b []byte) error {
			s, err := OpenReleasedShare(h.releases[0], h.released[0].Bytes, h.key())
			if err != nil {
				panic(err) // an error would count as a refusal
			}
			_, err = Combine(h.order, []*vss.Share{s}, b)
			return err
		}},
		stored{"sealed release", h.released[0].CID, h.released[0].Bytes, func(b []byte) error {
			_, err := OpenReleasedMaterial(h.releases[0], b, h.key())
			return err
		}},
	)
}

// Any changed bit is detected: by the CID where the object is looked up by its
// link, and by signature or link where someone computed the CID anew.
func TestEveryChangedByteIsDetected(t *testing.T) {
	r := newRealm(t, 1)
	// One node in all roles: every byte costs a verification, so let there be few.
	r.principal, r.beneficiary = r.nodes[0], r.nodes[0]
	h := r.run(t, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
	for _, object := range h.objects() {
		t.Run(object.name, func(t *testing.T) {
			if err := object.read(object.block); err != nil {
				t.Fatalf("unchanged it does not read: %v", err)
			}
			step := 1
			if testing.Short() {
				step = 37
			}
			everyByte(len(object.block)/step, func(i int) {
				i *= step
				flipped := bytes.Clone(object.block)
				flipped[i] ^= 1 << (i % 8)
				if dag.Check(object.link, flipped) == nil {
					t.Errorf("byte %d: the link does not notice", i)
				}
				if object.read(flipped) == nil {
					t.Errorf("byte %d: under a CID computed anew nobody notices", i)
				}
			})
		})
	}
}

// everyByte calls do for 0…n−1, on two goroutines.
func everyByte(n int, do func(i int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	running.Wait()
}
