package audit

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// edge is the right edge of the tree: the roots of its perfect subtrees, the
// largest first. It is all that is needed to append, and to compute the root. An
// edge is never changed; adding to it makes another.
type edge struct {
	size  int64
	roots []tlog.Hash // one for each bit set in size
}

// add appends a leaf and returns the hashes that it completes, its own first.
func (e *edge) add(leaf tlog.Hash) (*edge, []tlog.Hash) {
	merge := bits.TrailingZeros64(^uint64(e.size)) // trailing ones
	completed := make([]tlog.Hash, 1, merge+1)
	completed[0] = leaf
	rest := len(e.roots)
	for range merge {
		rest--
		completed = append(completed, tlog.NodeHash(e.roots[rest], completed[len(completed)-1]))
	}
	roots := append(make([]tlog.Hash, 0, rest+1), e.roots[:rest]...)
	return &edge{e.size + 1, append(roots, completed[len(completed)-1])}, completed
}

// root is the hash of the whole tree.
func (e *edge) root() tlog.Hash {
	if e.size == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	h := e.roots[len(e.roots)-1]
	for i := len(e.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(e.roots[i], h)
	}
	return h
}

// readEdge finds the edge in the store. The root of a perfect subtree is kept with
// the entry that completed it.
func readEdge(tx *store.Tx) (*edge, error) {
	size, err := tx.AuditSize()
	if err != nil {
		return nil, err
	}
	return edgeAt(tx, size)
}

// edgeAt is the edge that a log of at least size entries had when it had size.
func edgeAt(tx *store.Tx, size int64) (_ *edge, err error) {
	e := &edge{size: size}
	var wanted []int64
	for end, left := int64(0), size; left > 0; {
		level := bits.Len64(uint64(left)) - 1
		end += 1 << level
		left -= 1 << level
		wanted = append(wanted, tlog.StoredHashIndex(level, end>>level-1))
	}
	e.roots, err = reader{tx}.ReadHashes(wanted)
	return e, err
}

// reader finds hashes where Append has put them.
type reader struct{ tx *store.Tx }

func (r reader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, len(indexes))
	for len(indexes) > 0 {
		some := indexes[:min(len(indexes), 64)]
		indexes = indexes[len(some):]
		numbers := make([]int64, len(some))
		for i, index := range some {
			level, n := tlog.SplitStoredHashIndex(index)
			numbers[i] = (n+1)<<level - 1
		}
		rows, err := r.tx.AuditHashes(numbers)
		if err != nil {
			return nil, err
		}
		for i, index := range some {
			level, _ := tlog.SplitStoredHashIndex(index)
			row := rows[numbers[i]]
			if len(row) < (level+1)*tlog.HashSize {
				return nil, fault.New(fault.Conflict, "audit log: %w: entry %d lacks a hash", store.ErrDamaged, numbers[i])
			}
			hashes = append(hashes, tlog.Hash(row[level*tlog.HashSize:(level+1)*tlog.HashSize]))
		}
	}
	return hashes, nil
}
