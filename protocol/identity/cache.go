package identity

import (
	"container/list"
	"crypto/sha256"
	"sync"

	"github.com/milagro-dta/dta/protocol/dag"
)

// Cache remembers verified chains, the least recently used leaving first. It
// finds them by the hash of all their blocks, so what it returns was verified
// from the very bytes shown, signatures included. Failures are not remembered:
// verifying stops at the first.
type Cache struct {
	chains int // at most so many
	size   int // and so many bytes of blocks
	least  int // but for so many, used last, whatever their size

	mu         sync.Mutex // guards what follows
	held       int
	byKey      map[cacheKey]*list.Element
	byDocument map[dag.CID]*list.Element // by the newest
	order      *list.List                // of *cached, most recently used in front
}

// cacheKey is a running hash: that of n+1 blocks is SHA-256(that of n ‖
// SHA-256(block)). So the keys of all beginnings of a chain come for one pass.
type cacheKey [sha256.Size]byte

type cached struct {
	key      cacheKey
	size     int
	identity *Identity
}

// cachedBytes is the room for a chain, on average: two documents without recovery
// signatures, of about 7 KiB each.
const cachedBytes = 16 << 10

// NewCache makes a cache of at most n chains, and of n times 16 KiB. The chain
// used last is kept whatever its size.
func NewCache(n int) *Cache { return NewCacheKeeping(n, 1) }

// NewCacheKeeping is NewCache for one who needs so many chains at once, whatever
// their size.
func NewCacheKeeping(n, least int) *Cache {
	n = max(n, 1)
	return &Cache{
		chains: n, size: n * cachedBytes, least: least,
		byKey: map[cacheKey]*list.Element{}, byDocument: map[dag.CID]*list.Element{}, order: list.New(),
	}
}

// Find returns the chain verified before of which a document is the newest; nil
// where there is none. The document's CID fixes the chain to the byte, since each
// document holds the CID of the one before: what it finds does not depend on what
// else was verified.
func (c *Cache) Find(document dag.CID) *Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byDocument[document]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).identity
}

// Verify does what the package's Verify does, and for nothing when it did it
// before. Of a chain that goes on from a known one only the new documents are
// verified.
func (c *Cache) Verify(blocks [][]byte) (*Identity, error) { return c.VerifyWith(blocks, nil) }

// VerifyWith is Verify with a resolver for the signers of recoveries. A chain
// verified with one resolver is returned to callers with another, or none: the
// signers' keys follow from the CIDs in the chain, whoever looks them up.
func (c *Cache) VerifyWith(blocks [][]byte, who Resolver) (*Identity, error) {
	if n := len(blocks); n == 0 || n > MaxDocuments {
		return extend(nil, blocks, who)
	}
	keys, size := make([]cacheKey, len(blocks)), 0
	var running cacheKey
	for n, block := range blocks {
		if len(block) > MaxDocument {
			return extend(nil, blocks, who)
		}
		h := sha256.Sum256(block)
		running = sha256.Sum256(append(running[:], h[:]...))
		keys[n] = running
		size += len(block)
	}
	known := c.longest(keys)
	if known != nil && len(known.links) == len(blocks) {
		return known, nil
	}
	// Outside the lock: two callers with the same new chain both verify it.
	verified, err := extend(known, blocks, who)
	if err != nil {
		return nil, err
	}
	c.keep(&cached{key: keys[len(keys)-1], size: size, identity: verified})
	return verified, nil
}

// longest finds the longest beginning of a chain that is known.
func (c *Cache) longest(keys []cacheKey) *Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := len(keys) - 1; n >= 0; n-- {
		if e, ok := c.byKey[keys[n]]; ok {
			c.order.MoveToFront(e)
			return e.Value.(*cached).identity
		}
	}
	return nil
}

func (c *Cache) keep(entry *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[entry.key]; ok {
		c.order.MoveToFront(e)
		return
	}
	e := c.order.PushFront(entry)
	c.byKey[entry.key], c.byDocument[entry.identity.Document] = e, e
	c.held += entry.size
	for c.order.Len() > c.chains || c.held > c.size && c.order.Len() > c.least {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		c.held -= oldest.size
		delete(c.byKey, oldest.key)
		delete(c.byDocument, oldest.identity.Document)
	}
}
