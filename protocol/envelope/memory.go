package envelope

import (
	"sync"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Memory remembers the envelopes whose signatures held, so that one which is
// shown again costs no verification. A CID fixes the block, and with it the
// signer's document and the signature, so that what held once holds for ever;
// another signature under the same bytes makes another block, and is verified.
// Every other rule is checked each time. It holds 2n CIDs at most and is safe for
// concurrent use.
type Memory struct {
	mu       sync.Mutex
	n        int
	new, old map[dag.CID]struct{} // old goes when new is full
}

// NewMemory remembers at least the n envelopes seen last.
func NewMemory(n int) *Memory {
	return &Memory{n: n, new: make(map[dag.CID]struct{}), old: make(map[dag.CID]struct{})}
}

// Verify is [Envelope.Verify], without the signature for an envelope remembered.
func (m *Memory) Verify(e *Envelope, signer *identity.Identity) error {
	if err := e.verify(signer, e.verified || m.has(e.cid)); err != nil {
		return err
	}
	m.add(e.cid)
	return nil
}

// Remember adds an envelope that was verified or has just been sealed.
func (m *Memory) Remember(e *Envelope) {
	if e.verified {
		m.add(e.cid)
	}
}

func (m *Memory) has(c dag.CID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.new[c]; ok {
		return true
	}
	_, ok := m.old[c]
	return ok
}

func (m *Memory) add(c dag.CID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.new) >= m.n {
		m.old, m.new = m.new, make(map[dag.CID]struct{}, m.n)
	}
	m.new[c] = struct{}{}
}
