// Package cache remembers what can be found out again, within a bound.
package cache

import "sync"

// Map remembers at least the n entries that were put or got last, and twice as
// many at most; a sized one counts what its entries weigh. It is safe for
// concurrent use.
type Map[K comparable, V any] struct {
	mu       sync.Mutex
	n, held  int         // held is what new weighs
	size     func(V) int // nil: each entry weighs 1
	new, old map[K]V     // when new is full, old is forgotten
}

// New makes a map for n entries.
func New[K comparable, V any](n int) *Map[K, V] {
	return &Map[K, V]{n: n, new: make(map[K]V)}
}

// Sized makes a map for entries that together have a size of n. An entry is not
// replaced by one of another size.
func Sized[K comparable, V any](n int, size func(V) int) *Map[K, V] {
	return &Map[K, V]{n: n, size: size, new: make(map[K]V)}
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
	if _, ok := m.new[k]; !ok {
		more := 1
		if m.size != nil {
			more = m.size(v)
		}
		if m.held > 0 && m.held+more > m.n {
			m.old, m.new, m.held = m.new, make(map[K]V), 0
		}
		m.held += more
	}
	m.new[k] = v
}
