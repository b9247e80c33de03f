package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

func TestAPluginThatDiesDuringACallIsUnavailableAndComesBack(t *testing.T) {
	for what, reason := range map[string]string{
		"panic": "panic: in a handler",
		"exit":  "exited with code 7",
	} {
		t.Run(what, func(t *testing.T) {
			sup := ready(t, spec(t, "good"), supervisor.Options{})
			if _, err := tell(within(t, time.Minute), sup, what); fault.Of(err) != fault.Unavailable {
				t.Errorf("expected unavailable, got %v", err)
			}
			if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
				t.Errorf("the next call: %v", err)
			}
			st := sup.Status()
			if st.State != supervisor.Ready || st.Starts != 2 || st.Failures != 0 || st.Reason != "" || !strings.Contains(st.Before, reason) {
				t.Errorf("expected a second start, because %s; found %+v", reason, st)
			}
		})
	}
}

// TestAPluginThatDoesNotStayReadyIsStartedLessAndLess: the first few ends are answered at once, so that one crash costs
// nobody anything; then it is in back-off, like one that never becomes ready, and calls do not wait for it.
func TestAPluginThatDoesNotStayReadyIsStartedLessAndLess(t *testing.T) {
	slow := supervisor.Options{BackoffMin: time.Hour, BackoffMax: time.Hour}
	for name, end := range map[string]func(*supervisor.Supervisor){
		"it exits when it is asked how it is": func(sup *supervisor.Supervisor) {
			sup.Ask(context.Background(), func(ctx context.Context, c *contract.Client) error {
				_, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: "exit"})
				return err
			})
		},
		"it exits after it has answered a call": func(sup *supervisor.Supervisor) {
			tell(context.Background(), sup, "nothing")
			tell(context.Background(), sup, "exit")
		},
		"it is killed before it has answered any": func(sup *supervisor.Supervisor) {
			syscall.Kill(sup.Status().PID, syscall.SIGKILL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			sup := ready(t, spec(t, "good"), slow)
			for n := 1; n <= 4; n++ {
				eventually(t, "another start", func() bool { st := sup.Status(); return st.State == supervisor.Ready && st.Starts == n })
				end(sup)
			}
			eventually(t, "a back-off", func() bool { return sup.Status().State == supervisor.Backoff })
			st := sup.Status()
			if st.Starts != 4 || st.Failures != 1 || st.PID != 0 || !strings.HasPrefix(st.Reason, "the plugin ") {
				t.Errorf("expected a back-off after 4 starts, and why; found %+v", st)
			}
			if err := sup.Failure(); fault.Of(err) != fault.Unavailable || err.Error() != st.Reason {
				t.Errorf("expected the reason as the failure; found %v", err)
			}
			// An operator who asks for a restart begins anew.
			if err := sup.Restart(); err != nil {
				t.Fatal(err)
			}
			for n := 5; n <= 6; n++ {
				eventually(t, "a start at once", func() bool { st := sup.Status(); return st.State == supervisor.Ready && st.Starts == n })
				end(sup)
			}
		})
	}
	t.Run("its pauses grow until calls no longer wait", func(t *testing.T) {
		s := spec(t, "good")
		sup := begin(t, s, quick)
		go sup.Start(context.Background())
		eventually(t, "a call that does not wait", func() bool {
			tell(within(t, time.Minute), sup, "exit")
			return sup.Status().Failures >= 5
		})
	})
}

// TestAPluginThatStayedReadyIsStartedAtOnce, as often as it ends; so, nearly, is one that served and that somebody kills.
func TestAPluginThatStayedReadyIsStartedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		options supervisor.Options
		end     func(*supervisor.Supervisor)
	}{
		"it ends": {supervisor.Options{SteadyAfter: 1, BackoffMin: time.Hour, BackoffMax: time.Hour}, func(sup *supervisor.Supervisor) {
			tell(context.Background(), sup, "exit")
		}},
		"it is killed": {supervisor.Options{BackoffMin: time.Millisecond, BackoffMax: time.Hour}, func(sup *supervisor.Supervisor) {
			tell(context.Background(), sup, "nothing")
			syscall.Kill(sup.Status().PID, syscall.SIGKILL)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			sup := ready(t, spec(t, "good"), c.options)
			for n := 1; n <= 10; n++ {
				eventually(t, "another start", func() bool { st := sup.Status(); return st.State == supervisor.Ready && st.Starts == n })
				c.end(sup)
			}
		})
	}
}

func TestTheReasonNamesTheSignal(t *testing.T) {
	for sig, reason := range map[syscall.Signal]string{
		syscall.SIGKILL: "killed by SIGKILL",
		syscall.SIGSEGV: "exited with code 2 (SIGSEGV", // the Go runtime turns it into an exit
		syscall.SIGTERM: "killed by SIGTERM",
	} {
		t.Run(reason, func(t *testing.T) {
			sup := ready(t, spec(t, "good"), supervisor.Options{})
			syscall.Kill(sup.Status().PID, sig)
			eventually(t, "a second start", func() bool {
				st := sup.Status()
				return st.State == supervisor.Ready && st.Starts == 2
			})
			if got := sup.Status().Before; !strings.Contains(got, strings.TrimSuffix(reason, " (SIGSEGV")) {
				t.Errorf("expected %q, got %q", reason, got)
			}
		})
	}
}

func TestACallToAPluginThatHangsEndsWithItsDeadline(t *testing.T) {
	for _, what := range []string{"hang", "stop"} {
		t.Run(what, func(t *testing.T) {
			sup := ready(t, spec(t, "good"), supervisor.Options{})
			_, err := tell(within(t, 500*time.Millisecond), sup, what)
			if fault.Of(err) != fault.Deadline {
				t.Errorf("expected deadline, got %v", err)
			}
		})
	}
}

func TestAPluginThatMissesItsHealthChecksIsReplaced(t *testing.T) {
	sup := ready(t, spec(t, "good"), supervisor.Options{HealthEvery: 50 * time.Millisecond, HealthTimeout: 200 * time.Millisecond})
	stopped := sup.Status().PID
	// The call has no deadline of its own that would end it first.
	if _, err := tell(within(t, time.Minute), sup, "stop"); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected unavailable, got %v", err)
	}
	if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
		t.Errorf("the next call: %v", err)
	}
	if st := sup.Status(); st.PID == stopped || !strings.Contains(st.Before, "missed 3 health checks") {
		t.Errorf("expected another process, because of missed health checks; found %+v", st)
	}
	if alive(stopped) {
		t.Error("the stopped process is still there")
	}
}

func TestThePluginsOwnAnswerKeepsItsKind(t *testing.T) {
	sup := ready(t, spec(t, "good"), supervisor.Options{})
	for _, k := range fault.Kinds() {
		if _, err := tell(within(t, time.Minute), sup, "refuse "+string(k)); fault.Of(err) != k {
			t.Errorf("expected %s, got %v", k, err)
		}
	}
	if st := sup.Status(); st.Starts != 1 {
		t.Errorf("expected the plugin to live on, found %+v", st)
	}
}

// TestAFloodOfOutputHurtsNobody: neither what is no log line, nor giant lines, nor very many.
func TestAFloodOfOutputHurtsNobody(t *testing.T) {
	for _, what := range []string{"flood", "print"} {
		t.Run(what, func(t *testing.T) {
			var log counter
			s := spec(t, "good")
			s.Logger = log.logger()
			sup := ready(t, s, supervisor.Options{})
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := tell(within(t, time.Minute), sup, what); err != nil {
					t.Error(err)
				}
			})
			if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
				t.Errorf("meanwhile: %v", err)
			}
			wg.Wait()
			eventually(t, "the last line", func() bool {
				lines := sup.Status().LastLines
				return len(lines) == 20 && strings.Contains(lines[19], "line 99999")
			})
			st := sup.Status()
			if st.Starts != 1 {
				t.Errorf("expected the plugin to live on, found %+v", st)
			}
			for _, l := range st.LastLines {
				if len(l) > 600 {
					t.Errorf("expected short last lines, found one of %d bytes", len(l))
				}
			}
			if lines, longest := log.read(); lines > 20_000 || longest > 64<<10 {
				t.Errorf("expected a bounded log, found %d lines, the longest of %d bytes", lines, longest)
			}
		})
	}
}

func TestAFloodBeforeTheHandshakeIsNoObstacle(t *testing.T) {
	sup := ready(t, spec(t, "floods"), supervisor.Options{})
	if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
		t.Error(err)
	}
}

func TestOneBadPluginStopsNoOther(t *testing.T) {
	good := ready(t, spec(t, "good"), supervisor.Options{})
	for _, mode := range []string{"exits", "hangs", "prints", "floods"} {
		bad := begin(t, spec(t, mode), quick)
		go bad.Start(context.Background())
	}
	for range 50 {
		if _, err := tell(within(t, time.Minute), good, "nothing"); err != nil {
			t.Fatal(err)
		}
	}
	if st := good.Status(); st.Starts != 1 {
		t.Errorf("expected the good plugin undisturbed, found %+v", st)
	}
}

func TestWhatAPluginForksEndsWithIt(t *testing.T) {
	sup := ready(t, spec(t, "good"), supervisor.Options{})
	for _, end := range []string{"exit", "kill"} {
		answer, err := tell(within(t, time.Minute), sup, "fork")
		child, _ := strconv.Atoi(answer)
		if err != nil || !alive(child) {
			t.Fatalf("expected a child, got %q, %v", answer, err)
		}
		if end == "exit" {
			tell(within(t, time.Minute), sup, "exit")
		} else {
			syscall.Kill(sup.Status().PID, syscall.SIGKILL)
		}
		eventually(t, "the end of the child", func() bool { return !alive(child) })
		if err := sup.Ready(within(t, time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMoreCallsThanAllowedAreBusy(t *testing.T) {
	sup := ready(t, spec(t, "good"), supervisor.Options{MaxCalls: 4})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	started := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			sup.Call(ctx, func(ctx context.Context, _ *contract.Client) error {
				started <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			})
		})
	}
	for range 4 {
		<-started
	}
	if _, err := tell(within(t, time.Minute), sup, "nothing"); fault.Of(err) != fault.Busy {
		t.Errorf("expected busy, got %v", err)
	}
	cancel()
	wg.Wait()
	if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestACallWaitsForAPluginThatIsStarting(t *testing.T) {
	sup := begin(t, spec(t, "good"), supervisor.Options{})
	if _, err := tell(within(t, time.Minute), sup, "nothing"); fault.Of(err) != fault.Unavailable {
		t.Errorf("before Start: expected unavailable, got %v", err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := sup.Start(over); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected Start not to wait, got %v", err)
	}
	if err := sup.Start(over); fault.Of(err) != fault.Conflict {
		t.Errorf("a second Start: expected conflict, got %v", err)
	}
	if _, err := tell(over, sup, "nothing"); fault.Of(err) != fault.Unavailable {
		t.Errorf("a caller that does not wait: expected unavailable, got %v", err)
	}
	if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
		t.Errorf("a caller that waits: %v", err)
	}
}

// TestNothingLeaksOverAHundredCrashes, each of them struck during a call, which has a typed answer.
func TestNothingLeaksOverAHundredCrashes(t *testing.T) {
	crashes := 100
	if testing.Short() {
		crashes = 10
	}
	sup := ready(t, spec(t, "good"), supervisor.Options{SteadyAfter: 1}) // its ends are not held against it
	sup.Stop(context.Background())
	before := settled()
	if err := sup.Start(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for i := range crashes {
		err := sup.Call(within(t, time.Minute), func(ctx context.Context, c *contract.Client) error {
			pid := sup.Status().PID
			pids = append(pids, pid)
			time.AfterFunc(time.Duration(i%10)*time.Millisecond, func() { syscall.Kill(pid, syscall.SIGKILL) })
			_, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: "sleep 1m"})
			return err
		})
		if fault.Of(err) != fault.Unavailable {
			t.Fatalf("expected unavailable, got %v", err)
		}
	}
	if err := sup.Ready(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if st := sup.Status(); st.Starts != crashes+2 {
		t.Errorf("expected a start for each crash, found %+v", st)
	}
	sup.Stop(context.Background())
	eventually(t, fmt.Sprintf("no more goroutines and files than %v", before), func() bool {
		now := resources()
		return now.goroutines <= before.goroutines && now.files <= before.files
	})
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d is still alive", pid)
		}
	}
}

type usage struct{ goroutines, files int }

func resources() usage {
	files, _ := os.ReadDir("/proc/self/fd")
	return usage{runtime.NumGoroutine(), len(files)}
}

// settled is the usage once what earlier tests left has ended.
func settled() usage {
	for last := resources(); ; {
		time.Sleep(500 * time.Millisecond)
		now := resources()
		if now == last {
			return now
		}
		last = now
	}
}
