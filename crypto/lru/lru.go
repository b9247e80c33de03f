// Package lru remembers what is dear to compute and public, such as the expanded
// form of public keys.
package lru

import (
	"container/list"
	"sync"
)

// Cache holds a bounded number of values, the least recently used leaving
// first. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu    sync.Mutex // guards what follows
	max   int
	byKey map[K]*list.Element
	order *list.List // of entry, most recently used in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New makes a cache of at most max values.
func New[K comparable, V any](max int) *Cache[K, V] {
	return &Cache[K, V]{max: max, byKey: make(map[K]*list.Element), order: list.New()}
}

// Get finds a value.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return e.Value.(entry[K, V]).value, true
}

// Put adds a value. One that is there already stays.
func (c *Cache[K, V]) Put(key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return
	}
	c.byKey[key] = c.order.PushFront(entry[K, V]{key, value})
	if c.order.Len() > c.max {
		delete(c.byKey, c.order.Remove(c.order.Back()).(entry[K, V]).key)
	}
}
