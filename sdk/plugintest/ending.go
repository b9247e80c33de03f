package plugintest

import (
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
)

// ending knows how the process of a program ends.
type ending struct {
	client *plugin.Client
	cmd    *exec.Cmd
	asked  atomic.Bool // to end, in whatever way
}

const (
	// endLimit is how long a plugin that was asked to end may take.
	endLimit = 20 * time.Second
	// quitLimit is how long it may take to write down its goroutines.
	quitLimit = 5 * time.Second
	// reapLimit is how long after a broken connection a process may count as ended.
	reapLimit = 2 * time.Second
)

func (e *ending) ask() { e.asked.Store(true) }

// await waits for the process to end, and says how it did.
func (e *ending) await(limit time.Duration) (how string, ended bool) {
	for begun := time.Now(); !e.client.Exited(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > limit {
			return "", false
		}
	}
	return e.cmd.ProcessState.String(), true
}

// byItself says how the process ended that nobody asked to. It waits a moment for it.
func (e *ending) byItself(limit time.Duration) (how string, ended bool) {
	if e.asked.Load() || e.cmd.Process == nil {
		return "", false
	}
	return e.await(limit)
}

func (r *Running) awaitExit(t testing.TB, c Config) {
	t.Helper()
	how, ended := r.end.await(endLimit)
	if !ended {
		c.course.stop("the program does not end")
		t.Fatalf("asked to end, the program did not within %s%s\n%s", endLimit, in(r.dump()), r.told())
	}
	if how != "exit status 0" && !strings.HasPrefix(how, "signal: terminated") {
		t.Errorf("asked to end, the program ended with %s\n%s", how, r.told())
	}
	closedIn(t, c, r.Log())
}

// closedIn looks for what the sdk logs of a custodian that does not come back from its Close.
func closedIn(t testing.TB, c Config, log string) {
	t.Helper()
	if strings.Contains(log, "the custodian did not close in time") {
		t.Error("Close of the custodian hangs: a host kills what has not ended a second after it was asked to")
		c.course.stop("Close of the custodian hangs")
	}
}
