package ipfstest

import (
	"bytes"
	"context"
	"sync"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/ipfs"
)

// Memory keeps blocks in a map. The zero value is empty and ready.
type Memory struct {
	mu     sync.RWMutex
	blocks map[dag.CID][]byte
}

var _ ipfs.Blocks = (*Memory)(nil)

// Put implements [ipfs.Blocks].
func (m *Memory) Put(ctx context.Context, block []byte) (dag.CID, error) {
	if err := ctx.Err(); err != nil {
		return dag.CID{}, ipfs.Failed(ctx, "put block", err)
	}
	if err := ipfs.CheckPut(block); err != nil {
		return dag.CID{}, err
	}
	c := dag.Sum(block)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blocks == nil {
		m.blocks = make(map[dag.CID][]byte)
	}
	m.blocks[c] = bytes.Clone(block)
	return c, nil
}

// Get implements [ipfs.Blocks].
func (m *Memory) Get(ctx context.Context, c dag.CID) ([]byte, error) {
	if err := ipfs.CheckGet(c); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, ipfs.Failed(ctx, "get block", err)
	}
	m.mu.RLock()
	block, ok := m.blocks[c]
	m.mu.RUnlock()
	if !ok {
		return nil, fault.New(fault.NotFound, "block %s: not here", c)
	}
	if err := dag.Check(c, block); err != nil {
		return nil, fault.New(fault.Unavailable, "%w", err)
	}
	return bytes.Clone(block), nil
}

// Corrupt changes a stored block in place, for tests of what readers notice.
func (m *Memory) Corrupt(c dag.CID, change func([]byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blocks[c] = change(m.blocks[c])
}
