//go:build linux

package rig

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/milagro-dta/dta/host/operator"
)

// Operator calls the running node as its operator does.
func (n *Node) Operator() *operator.Client {
	return operator.NewClient(n.Path("data", operator.Socket))
}

// Queue is how the work of one kind stands.
type Queue struct {
	Kind    string `json:"kind"`
	Pending int    `json:"pending"`
	Limit   int    `json:"limit"`
	Failed  int    `json:"failed"`
	Reason  string `json:"reason"`
}

// Queues asks, as the operator does, how the node's work stands at this moment;
// what GET /v1/status tells everybody may be older.
func (n *Node) Queues(ctx context.Context) []Queue {
	n.tb.Helper()
	var status Status
	if err := n.Operator().Call(ctx, http.MethodGet, operator.PathStatus, nil, &status); err != nil {
		n.tb.Fatal(err)
	}
	return status.Queues
}

// Queue is the work of one kind at this moment.
func (n *Node) Queue(ctx context.Context, kind string) Queue {
	n.tb.Helper()
	all := n.Queues(ctx)
	i := slices.IndexFunc(all, func(q Queue) bool { return q.Kind == kind })
	if i < 0 {
		n.tb.Fatalf("expected a queue %q; found %+v", kind, all)
	}
	return all[i]
}

// AwaitDone waits until no work of the given kinds is left, of any kind when none is
// given. Work that was given up fails the test.
func (n *Node) AwaitDone(ctx context.Context, kinds ...string) {
	n.tb.Helper()
	for {
		var left []Queue
		for _, q := range n.Queues(ctx) {
			if len(kinds) > 0 && !slices.Contains(kinds, q.Kind) {
				continue
			}
			if q.Failed > 0 {
				n.tb.Errorf("queue %s: %d jobs were given up: %s", q.Kind, q.Failed, q.Reason)
			}
			if q.Pending > 0 {
				left = append(left, q)
			}
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			n.tb.Fatalf("expected no work to be left; found %+v", left)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
