package courier

import (
	"context"
	"slices"
	"time"

	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Status says how the queue of one kind stands.
type Status struct {
	Kind    string `json:"kind"`
	Pending int    `json:"pending"`
	Limit   int    `json:"limit"`             // pending jobs at most
	Oldest  int64  `json:"oldest,omitempty"`  // when the oldest pending one first fell due, unix milliseconds
	Failing string `json:"failing,omitempty"` // why the one that failed most often did so
	Failed  int    `json:"failed"`            // given up as hopeless
	Reason  string `json:"reason,omitempty"`  // of the newest given up
}

// Status describes every kind's queue, by kind. Where the store does not answer,
// Failing says so.
func (c *Courier) Status() []Status {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	kinds := make([]string, 0, len(c.handlers))
	for kind := range c.handlers {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	all := make([]Status, 0, len(kinds))
	err := c.store.View(ctx, func(tx *store.Tx) error {
		for _, kind := range kinds {
			s, err := status(tx, kind)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		for _, kind := range kinds[len(all):] {
			all = append(all, Status{Kind: kind, Limit: MaxPending, Failing: fault.Public(err)})
		}
	}
	return all
}

func status(tx *store.Tx, kind string) (s Status, err error) {
	s = Status{Kind: kind, Limit: MaxPending}
	if s.Pending, err = tx.CountJobs(kind); err != nil {
		return s, err
	}
	if s.Oldest, _, err = tx.OldestJob(kind); err != nil {
		return s, err
	}
	failing, _, err := tx.FailingJob(kind)
	if err != nil {
		return s, err
	}
	s.Failing = failing.Reason
	if s.Failed, err = tx.CountParkedJobs(kind); err != nil {
		return s, err
	}
	parked, err := tx.ParkedJobs(kind, 1)
	if err != nil {
		return s, err
	}
	if len(parked) > 0 {
		s.Reason = parked[0].Reason
	}
	return s, nil
}
