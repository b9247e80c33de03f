package rest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/host/courier"
)

func TestOnlyTheOperatorIsToldWhatFails(t *testing.T) {
	now, asked := time.UnixMilli(1_800_000_000_000), 0
	q := queues{now: func() time.Time { return now }, read: func() []courier.Status {
		asked++
		return []courier.Status{{Kind: "notice", Pending: asked, Failing: "acme does not answer", Reason: "beta refuses", Failed: 1}}
	}}
	shown := func(pending int) []courier.Status {
		return []courier.Status{{Kind: "notice", Pending: pending, Failed: 1}}
	}
	for _, step := range []struct {
		name     string
		after    time.Duration
		operator bool
		want     []courier.Status
	}{
		{"anybody", 0, false, shown(1)},
		{"anybody at once again", countsAge - 1, false, shown(1)},
		{"anybody a second later", 1, false, shown(2)},
		{"the operator", 0, true, []courier.Status{{Kind: "notice", Pending: 3, Failing: "acme does not answer", Reason: "beta refuses", Failed: 1}}},
		{"anybody after the operator", 0, false, shown(2)},
		{"anybody after the clock went back", -time.Hour, false, shown(4)},
	} {
		now = now.Add(step.after)
		if d := cmp.Diff(step.want, q.status(step.operator)); d != "" {
			t.Errorf("%s: %s", step.name, d)
		}
	}
}
