// Package cache remembers what can be found out again, within a bound.
package cache

import "sync"

// Map remembers at least the n entries that were put or got last, and twice as
// many at most. It is safe for concurrent use.
type Map[K comparable, V any] struct {
	mu       sync.Mutex
	n        int
	new, old map[K]V // when new is full, old is forgotten
}

// New makes a map for n entries.
func New[K comparable, V any](n int) *Map[K, V] {
	return &Map[K, V]{n: n, new: make(map[K]V)}
}

// Get finds an entry.
func (m *Map[K, V]) Get(k K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.new[k]; ok {
		return v, true
	}
	v, ok := m.old[k]
	if ok {
		m.put(k, v)
	}
	return v, ok
}

// Put adds an entry or replaces it.
func (m *Map[K, V]) Put(k K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(k, v)
}

func (m *Map[K, V]) put(k K, v V) {
	if _, ok := m.new[k]; !ok && len(m.new) >= m.n {
		m.old, m.new = m.new, make(map[K]V, m.n)
	}
	m.new[k] = v
}
