//go:build linux

package systest

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestKillingAPluginCostsNoOrder kills one of a node's two plugins with SIGKILL
// while callers have calls in it. They get the right answer, are told that the
// order goes on, or to come again; callers of the other plugin notice nothing;
// the host gathers nothing.
func TestKillingAPluginCostsNoOrder(t *testing.T) {
	strikes := 100
	if testing.Short() {
		strikes = 10
	}
	const warmUp = 5
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0xdead))
	n := rig.One(t, rig.Options{Instances: []string{"steady", "killed"}})
	steady, callers := newCrowd(2, n.Client(), "steady", seed), newCrowd(4, n.Client(), "killed", seed)

	var before rig.Holdings
	kills, struck := 0, 0
	for struck < strikes {
		if kills == 3*strikes+warmUp {
			t.Fatalf("expected %d of %d kills to strike a call; %d did", strikes, kills, struck)
		}
		if kills == warmUp {
			before = atRest(t, n, rig.Holdings{})
		}
		stopSteady, stopCallers := steady.work(t.Context()), callers.work(t.Context())
		time.Sleep(5*time.Millisecond + time.Duration(random.Int64N(int64(60*time.Millisecond))))
		told := callers.putOff()
		dead := kill(t, n, "killed")
		kills++
		if _, err := n.Client().Place(t.Context(), rig.Order{Custody: "steady", Secret: []byte("meanwhile")}); err != nil {
			t.Fatalf("while the other plugin was dead: %v", err)
		}
		for _, stop := range []func(func()) error{stopSteady, stopCallers} {
			if err := stop(func() {}); err != nil {
				t.Fatal(err)
			}
		}
		reborn(t, n, "killed", dead)
		if kills > warmUp && callers.putOff() > told {
			struck++
		}
	}
	t.Logf("%d of %d kills struck a call", struck, kills)
	t.Logf("before %+v, after %+v", before, atRest(t, n, before))

	if got := starts(t, n); got["killed"] != kills+1 || got["steady"] != 1 {
		t.Errorf("expected %d starts of the plugin that was killed, and one of the other; found %v", kills+1, got)
	}
	if strings.Contains(n.Log(), "did not start") {
		t.Errorf("expected every start to become ready")
	}
	if steady.putOff() > 0 {
		t.Errorf("expected the other plugin's callers to be answered at once; %d times they were not", steady.putOff())
	}
	for _, all := range []crowd{steady, callers} {
		answerAll(t, t.Context(), all)
		settled(t, n, all)
		redeemAll(t, t.Context(), all)
	}
	n.AwaitDone(patience(t))
	n.Stop()
}

// kill kills the process of an instance.
func kill(t *testing.T, n *rig.Node, instance string) (pid int) {
	t.Helper()
	pid = n.PluginPIDs()[instance]
	if pid == 0 {
		t.Fatalf("no process of plugin %q is known", instance)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill plugin %q: %v", instance, err)
	}
	return pid
}

// reborn waits until another process has taken a dead one's place.
func reborn(t *testing.T, n *rig.Node, instance string, dead int) {
	t.Helper()
	ctx := patience(t)
	for n.PluginPIDs()[instance] == dead {
		if ctx.Err() != nil {
			t.Fatalf("plugin %q did not come back:\n%s", instance, n.LogTail(12))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// atRest waits until the host holds no more than a limit, zero for none, and
// tells what it holds. Threads are the runtime's, which keeps some in reserve.
func atRest(t *testing.T, n *rig.Node, limit rig.Holdings) rig.Holdings {
	t.Helper()
	const reserve = 4
	ctx := patience(t)
	for {
		n.Client().Forget()
		time.Sleep(50 * time.Millisecond)
		got, err := n.Holdings()
		if err != nil {
			t.Fatal(err)
		}
		if limit == (rig.Holdings{}) || (got.Files <= limit.Files && got.Children <= limit.Children && got.Threads <= limit.Threads+reserve) {
			return got
		}
		if ctx.Err() != nil {
			t.Errorf("expected the host to hold what it held before, %+v; it holds %+v", limit, got)
			return got
		}
	}
}

func starts(t *testing.T, n *rig.Node) map[string]int {
	t.Helper()
	got, err := n.Client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]int)
	for _, p := range got.Custody {
		out[p.Name] = p.Starts
		if p.State != "ready" {
			t.Errorf("plugin %q is %s", p.Name, p.State)
		}
	}
	return out
}

// settled waits until every order is accepted or released.
func settled(t *testing.T, n *rig.Node, all crowd) {
	t.Helper()
	ctx := patience(t)
	for _, w := range all.wishes() {
		if _, err := n.Client().Await(ctx, w.reference, "accepted", "released"); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s: %d orders", all[0].custody, len(all.wishes()))
}
