package rest

import (
	"io"
	"sync/atomic"

	"github.com/milagro-dta/dta/protocol/fault"
)

// bodiesHeld is how many bytes of bodies a listener holds at once, beyond the first
// of each. It takes about three times as much memory: a buffer that grows, and what
// is decoded from it. Any number of connections could otherwise have any amount
// held, before it is known who calls.
const bodiesHeld = 128 << 20

// budget bounds what the bodies under way may take together.
type budget struct{ left atomic.Int64 }

func newBudget(n int64) *budget {
	b := new(budget)
	b.left.Store(n)
	return b
}

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

// metered is a body whose bytes, beyond the firstBuffer that everybody has, are
// taken from a budget until they are given back.
type metered struct {
	io.ReadCloser
	from       *budget
	read, held int64
}

// Read is fault.Busy where the budget is spent.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.read += int64(n)
	if more := m.read - firstBuffer - m.held; more > 0 {
		if !m.from.take(more) {
			return n, fault.New(fault.Busy, "this node holds as many large bodies as it can; try again")
		}
		m.held += more
	}
	return n, err
}

func (m *metered) giveBack() {
	m.from.left.Add(m.held)
	m.held = 0
}
