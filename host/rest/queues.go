package rest

import (
	"slices"
	"sync"
	"time"

	"github.com/milagro-dta/dta/host/courier"
)

// countsAge is how old the counts may be that everybody is shown: counting costs
// the store several questions, which anybody may ask for.
const countsAge = time.Second

// queues shows what is waiting to be done.
type queues struct {
	read func() []courier.Status
	now  func() time.Time

	mu     sync.Mutex // guards what follows
	at     time.Time
	counts []courier.Status
}

// status is what waits. Why something fails is for the operator only, since it
// speaks of who deals with whom.
func (q *queues) status(operator bool) []courier.Status {
	if operator {
		return q.read()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := q.now(); q.counts == nil || now.Sub(q.at) >= countsAge || now.Before(q.at) {
		q.counts, q.at = q.read(), now
		for i := range q.counts {
			q.counts[i].Failing, q.counts[i].Reason = "", ""
		}
	}
	return slices.Clone(q.counts)
}
