package guard

import (
	"crypto/sha256"
	"sync"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
)

// shares keeps a few opened network shares in memory that is not swapped out, for a plugin whose custodian is slow. It
// is empty unless the author asked for it. The key of an entry covers deposit, terms, custody identity and epoch, so
// that a share which was replaced is never found; who is entitled to it is verified before.
type shares struct {
	mu    sync.Mutex
	limit int
	page  []byte // limit slots, locked; nil while the cache is off
	slots map[[sha256.Size]byte]int
	order [][sha256.Size]byte // by slot, the key that has it; the oldest at next
	next  int
}

// slotSize holds what makeShare makes of a scalar. An issuer's handle is not kept: its hardware does the work anyway.
const slotSize = 33

// newShares locks memory for n shares. An error means that the cache is off.
func newShares(n int) (*shares, error) {
	c := &shares{}
	if n <= 0 {
		return c, nil
	}
	page, err := lockedPage(n * slotSize)
	if err != nil {
		return c, err
	}
	c.limit, c.page = n, page
	c.slots, c.order = make(map[[sha256.Size]byte]int, n), make([][sha256.Size]byte, n)
	return c, nil
}

func cacheKey(b binding, deposit []byte) (key [sha256.Size]byte) {
	h := sha256.New()
	hash := sha256.Sum256(deposit)
	h.Write(hash[:])
	block, err := dag.Encode(b)
	if err != nil {
		return key // never found, for put refuses it
	}
	h.Write(block)
	return [sha256.Size]byte(h.Sum(nil))
}

// get returns a copy of what is kept, which the caller clears, or nil.
func (c *shares) get(key [sha256.Size]byte) *secret.Bytes {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot, ok := c.slots[key]
	if !ok {
		return nil
	}
	return secret.Copy(c.at(slot))
}

// put keeps a copy in place of the oldest.
func (c *shares) put(key [sha256.Size]byte, material *secret.Bytes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.page == nil || material.Len() != slotSize || material.Open()[0] != asScalar || key == ([sha256.Size]byte{}) {
		return
	}
	if _, ok := c.slots[key]; ok {
		return
	}
	delete(c.slots, c.order[c.next])
	copy(c.at(c.next), material.Open())
	c.slots[key], c.order[c.next] = c.next, key
	c.next = (c.next + 1) % c.limit
}

func (c *shares) at(slot int) []byte { return c.page[slot*slotSize : (slot+1)*slotSize] }

// close clears everything; nothing is found or kept afterwards.
func (c *shares) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	secret.Clear(c.page)
	unlockPage(c.page)
	c.page, c.slots = nil, nil
}
