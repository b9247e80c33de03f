package seal

import (
	"container/list"
	"crypto/hpke"
	"sync"
)

// cachedKeys bounds the cache: about 12 KiB a key, 3 MiB in all.
const cachedKeys = 256

// keyCache remembers parsed public keys, the least recently used leaving first.
// Parsing expands a matrix and costs as much as sealing itself.
type keyCache struct {
	mu    sync.Mutex
	max   int
	byKey map[string]*list.Element
	order *list.List // of cachedKey, newest in front
}

type cachedKey struct {
	name string
	key  hpke.PublicKey
}

func newKeyCache(max int) *keyCache {
	return &keyCache{max: max, byKey: make(map[string]*list.Element), order: list.New()}
}

func (c *keyCache) get(pub []byte) hpke.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[string(pub)]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(cachedKey).key
}

func (c *keyCache) put(pub []byte, key hpke.PublicKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := string(pub)
	if _, ok := c.byKey[name]; ok {
		return
	}
	c.byKey[name] = c.order.PushFront(cachedKey{name, key})
	if c.order.Len() > c.max {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.byKey, oldest.Value.(cachedKey).name)
	}
}
