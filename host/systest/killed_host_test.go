//go:build linux

package systest

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/operator"
	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestKillingTheHostLosesNothing kills a node in all three roles with SIGKILL,
// again and again, while eight callers use it; now and then once more while it
// starts. What a caller was told stays so.
func TestKillingTheHostLosesNothing(t *testing.T) {
	kills, least := 200, 100
	if testing.Short() {
		kills, least = 10, 5
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0xdead))
	ctx := t.Context()
	n := rig.One(t, rig.Options{Pinned: true})
	all := newCrowd(8, n.Client(), "", seed)

	var struck, redeeming, recorded int
	var notes []string
	for i := range kills {
		if note := checkpoint(t, n); i%10 == 0 {
			notes = append(notes, note)
		}
		stop := all.work(ctx)
		time.Sleep(5*time.Millisecond + time.Duration(random.Int64N(int64(115*time.Millisecond))))
		if err := stop(n.Kill); err != nil {
			t.Fatal(err)
		}
		if all.struck() {
			struck++
		}
		if slices.ContainsFunc(all, func(c *caller) bool { return c.redemption }) {
			redeeming++
		}
		stale := n.Sockets()
		n.NoOrphans()
		if i%10 == 9 {
			n.KillWhileStarting(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
			n.NoOrphans()
		}
		n.Restart()
		swept(t, n, stale)
		if mustFinish(t, ctx, n, all) {
			recorded++
		}
		sample(t, ctx, random, all)
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("of %d kills, %d struck an order in flight (in %d of them one that was on disk already), %d a redemption", kills, struck, recorded, redeeming)
	if struck < least {
		t.Errorf("expected at least %d kills to strike an order in flight; %d did", least, struck)
	}

	answerAll(t, ctx, all)
	converged(t, ctx, n, all)
	redeemAll(t, ctx, all)
	notes = append(notes, checkpoint(t, n))
	for _, note := range notes {
		verify(t, n, note)
	}
	n.AwaitDone(patience(t))
	n.Stop()
	n.MustCommand("audit", "verify")
}

// swept fails the test when a socket of a dead host is left.
func swept(t *testing.T, n *rig.Node, stale []string) {
	t.Helper()
	now := n.Sockets()
	for _, path := range stale {
		if slices.Contains(now, path) {
			t.Errorf("%s of a host that was killed is left", path)
		}
	}
	if len(now) == 0 {
		t.Errorf("expected the plugin's socket in %s; found nothing", n.Path("data", "run"))
	}
}

// mustFinish looks at the orders that were answered since the last kill: all are
// there, with the state and the release that callers were told of. It reports
// whether, beside them, the killed host had recorded an order that nobody was
// told of.
func mustFinish(t *testing.T, ctx context.Context, n *rig.Node, all crowd) bool {
	t.Helper()
	known := make(map[string]bool)
	for _, w := range all.wishes() {
		known[w.reference] = true
	}
	for _, c := range all {
		for _, w := range c.takeFresh() {
			got, err := n.Client().Show(ctx, w.reference)
			switch {
			case err != nil:
				t.Errorf("order %s was acknowledged: %v", w.reference, err)
			case got.State == "failed", w.accepted && got.State == "ordered":
				t.Errorf("order %s: a caller was told accepted %t; it is %s (%s)", w.reference, w.accepted, got.State, got.Reason)
			case w.released != "" && !slices.Contains(got.CIDs("release"), w.released):
				t.Errorf("order %s: release %s was given to a caller and is not in the chain", w.reference, w.released)
			}
		}
	}
	lines, err := n.Client().List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for _, l := range lines {
		if !known[l.OrderReference] {
			unknown++
		}
	}
	return unknown > 0
}

// sample redeems an old order and the newest one of a few callers.
func sample(t *testing.T, ctx context.Context, random *rand.Rand, all crowd) {
	t.Helper()
	for range 2 {
		c := all[random.IntN(len(all))]
		if len(c.wishes) == 0 {
			continue
		}
		for _, w := range []*wish{c.wishes[random.IntN(len(c.wishes))], c.wishes[len(c.wishes)-1]} {
			redeemed(t, ctx, c, w)
		}
	}
}

// redeemed redeems an order until it is given the secret, which must be right.
func redeemed(t *testing.T, ctx context.Context, c *caller, w *wish) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := c.redeem(ctx, w)
		if err == nil {
			return
		}
		if p := rig.Refusal(err); p == nil || invitesRepeat(p) != nil || ctx.Err() != nil {
			t.Errorf("order %s was accepted, its redemption: %v", w.reference, err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// answerAll repeats the calls that had no answer until they have one.
func answerAll(t *testing.T, ctx context.Context, all crowd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, c := range all {
		for c.open != nil {
			err := c.place(ctx)
			if p := rig.Refusal(err); err != nil && (p == nil || invitesRepeat(p) != nil) {
				t.Fatalf("%s: the repeat of a call that was cut off: %v", c.name, err)
			} else if err != nil {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
}

// converged compares the node's list with the orders that were asked for: each
// is there once, nothing else is, and none is under way.
func converged(t *testing.T, ctx context.Context, n *rig.Node, all crowd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var wanted []string
	for _, w := range all.wishes() {
		wanted = append(wanted, w.reference)
		got, err := n.Client().Await(ctx, w.reference, "accepted", "released", "failed")
		if err != nil {
			t.Fatal(err)
		}
		if got.State == "failed" {
			t.Errorf("order %s has failed: %s", w.reference, got.Reason)
		}
	}
	lines, err := n.Client().List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, l := range lines {
		if l.Role == "principal" {
			listed = append(listed, l.OrderReference)
		}
	}
	slices.Sort(wanted)
	slices.Sort(listed)
	if twice := duplicates(wanted); len(twice) > 0 {
		t.Errorf("expected an order for every request; several requests made %v", twice)
	}
	if !slices.Equal(wanted, listed) {
		t.Errorf("expected the %d orders that were asked for; %d are listed", len(wanted), len(listed))
	}
	t.Logf("%d orders were placed", len(wanted))
}

func duplicates[T cmp.Ordered](sorted []T) (twice []T) {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			twice = append(twice, sorted[i])
		}
	}
	return twice
}

// redeemAll gets every order's secret.
func redeemAll(t *testing.T, ctx context.Context, all crowd) {
	t.Helper()
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() {
			for _, w := range c.wishes {
				redeemed(t, ctx, c, w)
			}
		})
	}
	wg.Wait()
}

// checkpoint takes a signed checkpoint of the node's audit log.
func checkpoint(t *testing.T, n *rig.Node) string {
	t.Helper()
	var got operator.Checkpoint
	if err := n.Operator().Call(t.Context(), http.MethodGet, operator.PathCheckpoint, nil, &got); err != nil {
		t.Fatal(err)
	}
	return got.Note
}

// verify computes the audit log again and compares it with a checkpoint.
func verify(t *testing.T, n *rig.Node, note string) {
	t.Helper()
	var got operator.Verified
	err := n.Operator().Call(t.Context(), http.MethodPost, operator.PathVerify, operator.VerifyRequest{Against: note}, &got)
	if err != nil {
		t.Errorf("the audit log does not continue a checkpoint taken before: %v\n%s", err, note)
	} else if !got.Against {
		t.Errorf("the audit log was not compared with the checkpoint")
	}
}
