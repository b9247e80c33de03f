package operator

import (
	"context"
	"time"

	"github.com/milagro-dta/dta/host/audit"
	"github.com/milagro-dta/dta/host/clock"
	"github.com/milagro-dta/dta/host/store"
)

// Clock is a node's clock as its operator looks at it, through the running node
// or without one.
type Clock struct {
	Clock *clock.Clock
	Audit *audit.Log
}

// Show compares the clock with what the node has recorded.
func (c Clock) Show() ClockShown {
	shown := ClockShown{Shows: c.Clock.Shows().UnixMilli(), Recorded: c.Clock.Mark().UnixMilli(), Trusted: true}
	if err := c.Clock.Check(); err != nil {
		shown.Trusted, shown.Problem = false, err.Error()
	}
	return shown
}

// Reset has the node go by what the clock shows, and puts on record that it does.
func (c Clock) Reset(ctx context.Context) (ClockShown, error) {
	was := c.Clock.Mark()
	err := c.Clock.Reset(ctx, func(tx *store.Tx, now time.Time) error {
		_, err := c.Audit.Append(tx, audit.Entry{
			Time: now.UnixMilli(), Kind: "clock.reset", Detail: "back from " + was.UTC().Format(time.RFC3339),
		})
		return err
	})
	return c.Show(), err
}
