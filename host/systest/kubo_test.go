//go:build linux

package systest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/systest/rig"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/ipfs/kubo/kubotest"
	"github.com/milagro-dta/dta/protocol/order"
)

// publishing is the queue of blocks to publish.
func publishing(t *testing.T, n *rig.Node) rig.Queue {
	t.Helper()
	return n.Queue(t.Context(), "publish")
}

// drained waits until all is published.
func drained(t *testing.T, n *rig.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n.AwaitDone(ctx, "publish")
}

// has tells whether a Kubo node itself holds a block.
func has(t *testing.T, k *kubotest.Node, c string) bool {
	t.Helper()
	_, err := k.TryRun("block", "stat", "--offline", c)
	if err != nil && !strings.Contains(err.Error(), "not found") {
		t.Fatal(err)
	}
	return err == nil
}

// done is an order that was placed and redeemed, with the blocks that belong to
// it as the node's database has them.
type done struct {
	chain    map[string]string // kind to CID, the newest of a kind
	detached []string
	deposits []string
}

// TestKuboHoldsTheLog: two real IPFS nodes in a private swarm of their own; a
// dta node publishes to the first.
func TestKuboHoldsTheLog(t *testing.T) {
	swarm := kubotest.Start(t, 2)
	near, far := swarm.Nodes[0], swarm.Nodes[1]
	n := rig.One(t, rig.Options{Extra: fmt.Sprintf("ipfs \"kubo\" {\n  api = %q\n}\n", near.API)})

	orders := make(map[order.Publish]done)
	for _, publish := range []order.Publish{order.PublishNone, order.PublishChain, order.PublishAll} {
		orders[publish] = through(t, n, string(publish))
	}
	drained(t, n)

	t.Run("an order's chain can be walked at the other node", func(t *testing.T) {
		o := orders[order.PublishChain]
		path := o.chain["release"]
		for _, kind := range []string{"release", "redemption", "acceptance", "order"} {
			var e struct {
				Header struct {
					Kind     string
					Previous []struct {
						Link string `json:"/"`
					}
				}
			}
			if err := json.Unmarshal(far.Run(t, "dag", "get", "--timeout=30s", path), &e); err != nil {
				t.Fatal(err)
			}
			if e.Header.Kind != kind {
				t.Fatalf("ipfs dag get %s: expected the %s; got %q", path, kind, e.Header.Kind)
			}
			if got := strings.TrimSpace(string(far.Run(t, "dag", "resolve", "--timeout=30s", path))); got != o.chain[kind] {
				t.Errorf("%s: expected %s; got %s", path, o.chain[kind], got)
			}
			path += "/header/previous/0"
		}
		if out, err := far.TryRun("dag", "get", "--timeout=5s", path); err == nil {
			t.Errorf("expected nothing before the order; got %s", out)
		}
	})
	t.Run("every block is as it was published", func(t *testing.T) {
		for _, c := range orders[order.PublishChain].chain {
			want := ask(t, n, http.MethodGet, "/ipfs/"+c+"?format=raw", nil).body
			if got := far.Run(t, "block", "get", "--timeout=30s", c); !bytes.Equal(got, want) || dag.Sum(got).String() != c {
				t.Errorf("block %s differs", c)
			}
		}
	})
	t.Run("what is published is what the order chose", func(t *testing.T) {
		for publish, o := range orders {
			if len(o.detached) != 3 || len(o.deposits) != 1 {
				t.Fatalf("%s: expected a share, a ciphertext and a released share, and a deposit; found %d and %d", publish, len(o.detached), len(o.deposits))
			}
			if has(t, near, o.deposits[0]) {
				t.Errorf("publish = %s: the deposit is in Kubo", publish)
			}
			for kind, c := range o.chain {
				if got, want := has(t, near, c), publish != order.PublishNone; got != want {
					t.Errorf("publish = %s: %s in Kubo: %t", publish, kind, got)
				}
			}
			for _, c := range o.detached {
				if got, want := has(t, near, c), publish == order.PublishAll; got != want {
					t.Errorf("publish = %s: detached block %s in Kubo: %t", publish, c, got)
				}
			}
		}
	})

	t.Run("without Kubo orders go on, and are published when it returns", func(t *testing.T) {
		near.Stop(t)
		before := publishing(t, n).Pending
		var late []done
		for i := range 5 {
			late = append(late, through(t, n, "chain"))
			q := publishing(t, n)
			if q.Pending <= before {
				t.Errorf("order %d: expected more than %d waiting; found %d", i, before, q.Pending)
			}
			if q.Pending > q.Limit || q.Limit <= 0 {
				t.Errorf("expected at most %d waiting; found %d", q.Limit, q.Pending)
			}
			before = q.Pending
		}
		// Everybody is told how many wait, but not at every moment anew.
		told := func() bool {
			status, err := n.Client().Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(status.Queues, func(q rig.Queue) bool { return q.Kind == "publish" && q.Pending == before })
		}
		for end := time.Now().Add(time.Minute); !told(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("GET /v1/status does not tell that %d wait", before)
			}
		}
		n.Stop()
		n.Restart()
		if got := publishing(t, n).Pending; got < before {
			t.Errorf("after a restart: expected %d waiting still; found %d", before, got)
		}
		near.Start(t)
		drained(t, n)
		if q := publishing(t, n); q.Failed != 0 {
			t.Errorf("expected nothing to be given up; found %+v", q)
		}
		for _, o := range late {
			for kind, c := range o.chain {
				if !has(t, near, c) {
					t.Errorf("%s %s is not in Kubo", kind, c)
				}
			}
			if out := far.Run(t, "dag", "get", "--timeout=30s", o.chain["release"]+"/header/previous/0/header/previous/0/header/previous/0/header/kind"); strings.TrimSpace(string(out)) != `"order"` {
				t.Errorf("expected the order; got %s", out)
			}
		}
	})
}

// through places an order and redeems it.
func through(t *testing.T, n *rig.Node, publish string) (o done) {
	t.Helper()
	secret := canary()
	placed, err := n.Client().Place(t.Context(), rig.Order{Secret: secret, Publish: publish})
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Client().Redeem(t.Context(), placed.OrderReference)
	if err != nil || !bytes.Equal(got.Secret, secret) {
		t.Fatalf("expected the secret; got another, or %v", err)
	}
	shown, err := n.Client().Show(t.Context(), placed.OrderReference)
	if err != nil {
		t.Fatal(err)
	}
	o.chain = make(map[string]string)
	for _, kind := range []string{"order", "acceptance", "redemption", "release"} {
		cids := shown.CIDs(kind)
		if len(cids) != 1 {
			t.Fatalf("expected one %s; found %d", kind, len(cids))
		}
		o.chain[kind] = cids[0]
	}
	rows, err := openDatabase(t, n.Path("data", "node.db")).Query(`select cid, block from blocks where chain = ? and cid not in (select cid from envelopes)`, placed.OrderCID)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var raw, block []byte
		if err := rows.Scan(&raw, &block); err != nil {
			t.Fatal(err)
		}
		c, err := dag.FromBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := order.GetDeposit(c, block); err == nil {
			o.deposits = append(o.deposits, c.String())
			continue
		}
		o.detached = append(o.detached, c.String())
	}
	return o
}
