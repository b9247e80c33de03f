package supervisor_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
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

// TestStopLeavesNoProcess, whatever the plugin does about it.
func TestStopLeavesNoProcess(t *testing.T) {
	for name, c := range map[string]struct{ mode, tell string }{
		"a good one":                          {"good", "nothing"},
		"one that ignores SIGTERM":            {"stays", "nothing"},
		"one that is stopped":                 {"good", "stop"},
		"one that hangs in a call":            {"good", "hang"},
		"one that ignores SIGTERM and floods": {"stays", "flood"},
	} {
		t.Run(name, func(t *testing.T) {
			sup := ready(t, spec(t, c.mode), supervisor.Options{})
			pid := sup.Status().PID
			var wg sync.WaitGroup
			wg.Go(func() { tell(within(t, time.Minute), sup, c.tell) })
			time.Sleep(100 * time.Millisecond)
			sup.Stop(context.Background())
			if alive(pid) {
				t.Error("the process is still there")
			}
			wg.Wait()
			if _, err := tell(context.Background(), sup, "nothing"); fault.Of(err) != fault.Unavailable {
				t.Errorf("a later call: expected unavailable, got %v", err)
			}
			if err := sup.Restart(); fault.Of(err) != fault.Conflict {
				t.Errorf("a later restart: expected conflict, got %v", err)
			}
		})
	}
}

func TestStopLetsCallsInFlightEnd(t *testing.T) {
	sup := ready(t, spec(t, "good"), supervisor.Options{Drain: time.Minute})
	begun, done := make(chan struct{}), make(chan error)
	go func() {
		done <- sup.Call(within(t, time.Minute), func(ctx context.Context, c *contract.Client) error {
			close(begun)
			_, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: "sleep 300ms"})
			return err
		})
	}()
	<-begun
	stopped := make(chan struct{})
	go func() { sup.Stop(context.Background()); close(stopped) }()
	if err := <-done; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	<-stopped
}

func TestStopHurriesWhenItsContextEnds(t *testing.T) {
	sup := ready(t, spec(t, "stays"), supervisor.Options{Drain: time.Hour})
	go tell(within(t, time.Minute), sup, "hang")
	time.Sleep(50 * time.Millisecond)
	sup.Stop(within(t, 100*time.Millisecond)) // the test would not end within an hour
}

func TestAPluginCanBeStoppedWhileItStartsOrWaits(t *testing.T) {
	o := supervisor.Options{BackoffMin: time.Hour, BackoffMax: time.Hour}
	for _, mode := range []string{"hangs", "exits", "stops-after-handshake", "says 1|99|||"} {
		t.Run(mode, func(t *testing.T) {
			sup := begin(t, spec(t, mode), o)
			go sup.Start(context.Background())
			eventually(t, "a start", func() bool { return sup.Status().Starts > 0 })
			time.Sleep(100 * time.Millisecond)
			sup.Stop(context.Background())
		})
	}
}

func TestAStoppedPluginCanBeStartedAgain(t *testing.T) {
	sup := ready(t, spec(t, "good"), supervisor.Options{})
	sup.Stop(context.Background())
	sup.Stop(context.Background())
	if err := sup.Start(within(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
		t.Error(err)
	}
}

// TestNoPluginOutlivesItsHost, killed without a chance to clear up; the next start sweeps what it left.
func TestNoPluginOutlivesItsHost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), hostEnv+"="+dir)
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !alive(pid) {
		t.Fatalf("expected a plugin's process id, got %q, %v", line, err)
	}

	if err := supervisor.Sweep(dir); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) == 0 {
		t.Error("a living host's directory was swept")
	}

	host.Process.Signal(syscall.SIGKILL)
	host.Wait()
	eventually(t, "the end of the plugin", func() bool { return !alive(pid) })
	if left, _ := os.ReadDir(dir); len(left) == 0 {
		t.Error("expected the killed host to leave its directory")
	}
	if err := supervisor.Sweep(dir); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("expected an empty directory, found %v", left)
	}
}

func TestARuntimeDirectoryMayHaveALongPath(t *testing.T) {
	s := spec(t, "good")
	s.RuntimeDir = filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	temp, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	t.Setenv("TMPDIR", temp)
	sup := ready(t, s, supervisor.Options{})
	if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
		t.Error(err)
	}
	sup.Stop(context.Background())
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("expected nothing in the temporary directory, found %v", left)
	}
}

func TestSweepLeavesWhatIsNotItsOwn(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	elsewhere := filepath.Join(temp, "dta-1")
	stale := filepath.Join(dir, "p01234567")
	for _, d := range []string{elsewhere, stale, filepath.Join(dir, "precious")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "p89abcdef")); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{stale + ".lock", stale + "/socket", filepath.Join(dir, "node.db")} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := supervisor.Sweep(dir); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(dir)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "node.db precious" {
		t.Errorf("expected node.db and precious, found %s", got)
	}
	if _, err := os.Stat(elsewhere); err == nil {
		t.Error("expected the directory behind a link to be swept")
	}
	if err := supervisor.Sweep(filepath.Join(dir, "nowhere")); err != nil {
		t.Errorf("a directory that does not exist: %v", err)
	}
}
