package supervisor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

func TestAPluginServes(t *testing.T) {
	sup := ready(t, spec(t, "good"), supervisor.Options{})
	if _, err := tell(within(t, time.Minute), sup, "nothing"); err != nil {
		t.Fatal(err)
	}
	st := sup.Status()
	want, err := supervisor.Digest(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if st.State != supervisor.Ready || st.SHA256 != want || st.Pinned || !alive(st.PID) || st.Starts != 1 || st.Reason != "" {
		t.Errorf("unexpected status %+v", st)
	}
}

func TestAPluginSeesOnlyTheEnvironmentItWasGiven(t *testing.T) {
	t.Setenv("HOST_SECRET", "canary")
	s := spec(t, "good")
	s.Env = append(s.Env, "GIVEN=yes")
	env, err := tell(within(t, time.Minute), ready(t, s, supervisor.Options{}), "env")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name := range strings.Lines(env) {
		names[strings.TrimSpace(name)] = true
	}
	want := map[string]bool{
		"PATH": true, "LANG": true, "GIVEN": true, modeEnv: true, contract.Handshake.MagicCookieKey: true,
		"PLUGIN_MIN_PORT": true, "PLUGIN_MAX_PORT": true, "PLUGIN_PROTOCOL_VERSIONS": true,
		"PLUGIN_CLIENT_CERT": true, "PLUGIN_UNIX_SOCKET_DIR": true,
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}

func TestAPluginHasNoStandardInput(t *testing.T) {
	got, err := tell(within(t, time.Minute), ready(t, spec(t, "good"), supervisor.Options{}), "stdin")
	if err != nil || got != "0" {
		t.Errorf("expected 0 bytes, got %q, %v", got, err)
	}
}

func TestAPinnedProgramStartsAndAnotherDoesNot(t *testing.T) {
	s := spec(t, "good")
	var err error
	if s.SHA256, err = supervisor.Digest(os.Args[0]); err != nil {
		t.Fatal(err)
	}
	sup := ready(t, s, supervisor.Options{})
	for range 3 { // a pin holds for every start, not for the first
		if err := sup.Restart(); err != nil {
			t.Fatal(err)
		}
		n := sup.Status().Starts
		eventually(t, "a restart", func() bool {
			st := sup.Status()
			return st.Starts > n && st.State == supervisor.Ready
		})
	}
	if !sup.Status().Pinned {
		t.Error("expected the status to say pinned")
	}

	found := s.SHA256
	s = spec(t, "good")
	s.SHA256 = strings.Repeat("ab", 32)
	sup = begin(t, s, quick)
	if err := sup.Start(within(t, time.Minute)); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected unavailable, got %v", err)
	}
	st := sup.Status()
	if st.State != supervisor.Failed || st.Starts != 1 || st.PID != 0 {
		t.Errorf("expected one start that failed, found %+v", st)
	}
	for _, digest := range []string{s.SHA256, found} {
		if !strings.Contains(st.Reason, digest) {
			t.Errorf("expected the reason to name %s, found %q", digest, st.Reason)
		}
	}
	if err := sup.Failure(); fault.Of(err) != fault.Denied || err.Error() != st.Reason {
		t.Errorf("expected the failure to be denied, with the status's reason; found %v", err)
	}
}

func TestAProgramThatOthersMayWriteIsRefused(t *testing.T) {
	for _, c := range []struct {
		name      string
		dir, file os.FileMode
		linked    bool
	}{
		{"by anyone", 0o755, 0o757, false},
		{"and its directory by anyone", 0o777, 0o755, false},
		{"and, behind a link, its directory by anyone", 0o777, 0o755, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(t, "good")
			dir := filepath.Join(t.TempDir(), "bin")
			s.Command = filepath.Join(dir, "plugin")
			if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(s.Command, []byte("#!/bin/true\n"), 0o755),
				os.Chmod(s.Command, c.file), os.Chmod(dir, c.dir)); err != nil {
				t.Fatal(err)
			}
			if c.linked {
				link := filepath.Join(t.TempDir(), "plugin")
				if err := os.Symlink(s.Command, link); err != nil {
					t.Fatal(err)
				}
				s.Command = link
			}
			err := supervisor.Once(within(t, time.Minute), s, nil)
			if fault.Of(err) != fault.Denied {
				t.Errorf("expected denied, got %v", err)
			}
		})
	}
}

// TestAPipeInThePlaceOfAProgramIsNotWaitedFor: opening it would stand still until somebody wrote, and with it the
// plugin's supervision and its Stop.
func TestAPipeInThePlaceOfAProgramIsNotWaitedFor(t *testing.T) {
	s := spec(t, "good")
	s.Command = filepath.Join(t.TempDir(), "plugin")
	if err := unix.Mkfifo(s.Command, 0o755); err != nil {
		t.Fatal(err)
	}
	sup := begin(t, s, quick)
	if err := sup.Start(within(t, time.Minute)); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected unavailable, got %v", err)
	}
	if st := sup.Status(); st.State != supervisor.Failed || !strings.Contains(st.Reason, "it is not a regular file") {
		t.Errorf("expected a failed plugin whose program is no file, found %+v", st)
	}
}

// TestStartsThatFail: each is tried again for as long as it takes, unless that could not help; the reason is told.
func TestStartsThatFail(t *testing.T) {
	for _, c := range []struct {
		name, mode, reason string
		starts             int // 0: it goes on being started
	}{
		{"it ends at once", "exits", "it exited with code 0 before it was ready; its last line: debug: last words", 0},
		{"it closes its standard output, and says why", "complains", "without a handshake; its last line: debug: no token", 0},
		{"it panics", "panics", "panic: at the disco", 0},
		{"it prints before it serves", "prints", "hello, world \uFFFD[31mred", 0},
		{"its first line has no end", "long-line", "found a longer line", 0},
		{"it closes its standard output", "closes-stdout", "without a handshake", 0},
		{"it ends in the middle of its handshake", "ends-saying 1|1|unix|/tmp/x", "exited with code 0", 0},
		{"it speaks another version", "says 1|99|unix|/tmp/x|grpc|", `expected a protocol version of [1], found "99"`, 1},
		{"its handshake is of another kind", "says 2|1|unix|/tmp/x|grpc|", "expected handshake version 1", 1},
		{"it would have us dial the network", "says 1|1|tcp|10.0.0.1:22|grpc|", "expected a Unix socket", 1},
		{"its socket is elsewhere", "says 1|1|unix|/var/run/docker.sock|grpc|", "expected a socket in", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			sup := begin(t, spec(t, c.mode), quick)
			if err := sup.Start(within(t, time.Minute)); fault.Of(err) != fault.Unavailable {
				t.Errorf("expected unavailable, got %v", err)
			}
			st := sup.Status()
			if (st.State == supervisor.Failed) != (c.starts > 0) || (c.starts > 0 && (st.Starts != c.starts || st.PID != 0)) {
				t.Errorf("expected %d starts and a failed plugin, found %+v", c.starts, st)
			}
			if c.starts == 0 {
				n := st.Starts
				eventually(t, "many more starts", func() bool { return sup.Status().Starts > n+5 })
			}
			if !strings.Contains(st.Reason, c.reason) {
				t.Errorf("expected the reason to say %q, found %q", c.reason, st.Reason)
			}
			if _, err := tell(context.Background(), sup, "nothing"); fault.Of(err) != fault.Unavailable {
				t.Errorf("a call: expected unavailable, got %v", err)
			}
		})
	}
}

func TestTheLastLinesOfAFailedPluginAreShown(t *testing.T) {
	sup := begin(t, spec(t, "exits"), quick)
	sup.Start(within(t, time.Minute))
	if d := cmp.Diff([]string{"debug: last words"}, sup.Status().LastLines); d != "" {
		t.Error(d)
	}
}

func TestAPluginThatHangsAtItsStartIsGivenUp(t *testing.T) {
	for _, mode := range []string{"hangs", "begins-to-say 1|1|unix|/tmp/x", "stops-after-handshake"} {
		t.Run(mode, func(t *testing.T) {
			s := spec(t, mode)
			s.StartTimeout = 2 * time.Second
			s.Prepare = func(ctx context.Context, c *contract.Client) error {
				_, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: "sleep 1m"})
				return err
			}
			sup := begin(t, s, quick)
			go sup.Start(within(t, time.Minute))
			eventually(t, "a third start", func() bool { return sup.Status().Starts > 2 })
			if st := sup.Status(); !strings.Contains(st.Reason, "within 2s") {
				t.Errorf("expected starts that took too long, found %+v", st)
			}
		})
	}
}

func TestAPluginThatDiesWhileItIsPreparedSaysWhy(t *testing.T) {
	for what, reason := range map[string]string{
		"panic": "it exited with code 2 while it was prepared (panic: in a handler)",
		"exit":  "it exited with code 7 while it was prepared; its last line: ",
	} {
		t.Run(what, func(t *testing.T) {
			s := spec(t, "good")
			s.Prepare = func(ctx context.Context, c *contract.Client) error {
				_, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: what})
				return err
			}
			sup := begin(t, s, quick)
			sup.Start(within(t, time.Minute))
			if st := sup.Status(); st.State == supervisor.Failed || !strings.Contains(st.Reason, reason) {
				t.Errorf("expected a plugin that goes on being started, because %s; found %+v", reason, st)
			}
		})
	}
}

func TestAPluginMayNeedSeveralStarts(t *testing.T) {
	sup := ready(t, spec(t, "flaky "+filepath.Join(t.TempDir(), "count")), quick)
	if st := sup.Status(); st.Starts != 4 || st.Reason != "" || !strings.Contains(st.Before, "exited with code 9") {
		t.Errorf("expected the fourth start to succeed, and what ended the third, found %+v", st)
	}
}

// TestARefusedConfigurationIsNotRepeated, because a wrong PIN tried five times locks a token.
func TestARefusedConfigurationIsNotRepeated(t *testing.T) {
	for kind, final := range map[fault.Kind]bool{
		fault.Invalid: true, fault.Denied: true, fault.Conflict: true, fault.Unsupported: true,
		fault.NotFound: true, fault.Unavailable: false, fault.Busy: false, fault.Deadline: false, fault.Internal: false,
	} {
		t.Run(string(kind), func(t *testing.T) {
			s := spec(t, "good")
			s.Prepare = func(ctx context.Context, c *contract.Client) error {
				_, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: "refuse " + string(kind)})
				return err
			}
			sup := begin(t, s, quick)
			sup.Start(within(t, time.Minute))
			if st := sup.Status(); (st.State == supervisor.Failed) != final || (st.Starts == 1) != final {
				t.Errorf("expected final %t, found %+v", final, st)
			}
		})
	}
}

// TestABackEndThatComesBackNeedsNoHand, however long it was away.
func TestABackEndThatComesBackNeedsNoHand(t *testing.T) {
	var back atomic.Bool
	s := spec(t, "good")
	s.Prepare = func(context.Context, *contract.Client) error {
		if !back.Load() {
			return fault.New(fault.Unavailable, "the token is not present")
		}
		return nil
	}
	sup := begin(t, s, quick)
	if err := sup.Start(within(t, time.Minute)); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected callers not to wait for ever; found %v", err)
	}
	eventually(t, "twenty starts", func() bool { return sup.Status().Starts > 20 })
	if _, err := tell(within(t, time.Minute), sup, "nothing"); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected a call not to wait; found %v", err)
	}
	if err := sup.Failure(); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "not present") {
		t.Errorf("expected the reason; found %v", err)
	}
	back.Store(true)
	eventually(t, "ready", func() bool { return sup.Status().State == supervisor.Ready })
	if st := sup.Status(); st.Reason != "" || st.Failures != 0 || !strings.Contains(st.Before, "not present") || sup.Failure() != nil {
		t.Errorf("expected nothing of the old reason but what was before, found %+v", st)
	}
}

func TestRestartLeadsOutOfFailed(t *testing.T) {
	var right atomic.Bool
	s := spec(t, "good")
	s.Prepare = func(context.Context, *contract.Client) error {
		if !right.Load() {
			return fault.New(fault.Denied, "the PIN is wrong")
		}
		return nil
	}
	sup := begin(t, s, quick)
	if err := sup.Start(within(t, time.Minute)); err == nil {
		t.Fatal("expected a start that fails")
	}
	right.Store(true)
	if st := sup.Status(); st.State != supervisor.Failed || st.Starts != 1 {
		t.Errorf("expected one start, found %+v", st)
	}
	if err := sup.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready", func() bool { return sup.Status().State == supervisor.Ready })
	if err := sup.Failure(); err != nil {
		t.Errorf("expected no failure of a plugin that is ready; found %v", err)
	}
}

// TestRenewIsDoneWhenThePluginIsReady, with what it was renewed with, and else says why it is not.
func TestRenewIsDoneWhenThePluginIsReady(t *testing.T) {
	s := spec(t, "good")
	s.Command = copied(t)
	s.SHA256 = digest(t, s.Command)
	sup := ready(t, s, quick)
	first := sup.Status()

	// Upgraded, pinned and renewed, it is the new one.
	another(t, s.Command)
	upgraded := s
	upgraded.SHA256 = digest(t, s.Command)
	upgraded.Env = append(slices.Clone(s.Env), "NEW=yes")
	upgraded.Args = []string{"new"}
	if err := sup.Renew(within(t, time.Minute), upgraded, nil); err != nil {
		t.Fatal(err)
	}
	st := sup.Status()
	if st.State != supervisor.Ready || st.SHA256 != upgraded.SHA256 || st.PID == first.PID || st.Starts != 2 {
		t.Errorf("expected the upgraded plugin to be ready, found %+v", st)
	}
	if env, err := tell(within(t, time.Minute), sup, "env"); err != nil || !strings.Contains(env, "NEW\n") {
		t.Errorf("expected the new environment; found %q, %v", env, err)
	}

	// What does not prove itself changes nothing, and is told at once.
	old := st
	exits := upgraded
	exits.Env = []string{modeEnv + "=exits"}
	refuses := func(kind fault.Kind, text string) func(context.Context, *contract.Client) error {
		return func(context.Context, *contract.Client) error { return fault.New(kind, "%s", text) }
	}
	for name, c := range map[string]struct {
		spec  supervisor.Spec
		prove func(context.Context, *contract.Client) error
		kind  fault.Kind
		text  string
	}{
		"another program": {s, nil, fault.Denied, "not the pinned program"},
		"no command":      {supervisor.Spec{Name: s.Name}, nil, fault.Invalid, "expected a command"},
		"a bad program":   {exits, nil, fault.Unavailable, "it exited with code 0"},
		"a wrong PIN":     {upgraded, refuses(fault.Denied, "wrong PIN"), fault.Denied, "wrong PIN"},
		"a token away":    {upgraded, refuses(fault.Unavailable, "no token"), fault.Unavailable, "no token"},
	} {
		if err := sup.Renew(within(t, time.Minute), c.spec, c.prove); fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: expected %s, %s; found %v", name, c.kind, c.text, err)
		}
		if st := sup.Status(); st.State != supervisor.Ready || st.PID != old.PID || st.Starts != old.Starts {
			t.Errorf("%s: expected the plugin to go on, found %+v", name, st)
		}
	}
	// A process that has proved itself is in the place of the other without a call in between that fails.
	halt, calling := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-halt:
				calling <- nil
				return
			default:
			}
			if _, err := tell(within(t, time.Minute), sup, "env"); err != nil {
				calling <- err
				return
			}
		}
	}()
	proved := false
	err := sup.Renew(within(t, time.Minute), upgraded, func(ctx context.Context, c *contract.Client) error {
		if now := sup.Status(); now.PID != old.PID || now.State != supervisor.Ready {
			t.Errorf("expected the other to serve meanwhile, found %+v", now)
		}
		proved = true
		return c.Ping(ctx)
	})
	close(halt)
	if now := sup.Status(); err != nil || !proved || now.PID == old.PID || now.State != supervisor.Ready || syscall.Kill(old.PID, 0) == nil {
		t.Errorf("expected another process and no more of the old, found %v, %+v", err, now)
	}
	if err := <-calling; err != nil {
		t.Errorf("expected all calls to succeed, found %v", err)
	}
	// What both cannot use at once is left by the one before it is tried again, and given back where that fails.
	for _, fails := range []bool{true, false} {
		old, tries := sup.Status(), 0
		err := sup.Renew(within(t, time.Minute), upgraded, func(context.Context, *contract.Client) error {
			if tries++; fails || syscall.Kill(old.PID, 0) == nil {
				return fault.New(fault.Busy, "in use")
			}
			return nil
		})
		if tries != 2 || fails != (fault.Of(err) == fault.Busy) {
			t.Errorf("expected a second try, found %d and %v", tries, err)
		}
		if err := sup.Ready(within(t, time.Minute)); err != nil || sup.Status().PID == old.PID {
			t.Errorf("expected a process to serve, found %v, %+v", err, sup.Status())
		}
	}

	// Where none runs, what may help the next time is waited for, and told when the caller's time is over.
	falls := upgraded
	falls.Prepare = refuses(fault.Unavailable, "no token")
	fallen := supervisor.New(falls, quick)
	over, end := context.WithCancel(context.Background())
	end()
	if err := fallen.Start(over); fault.Of(err) != fault.Unavailable {
		t.Fatal(err)
	}
	t.Cleanup(func() { fallen.Stop(context.Background()) })
	eventually(t, "a failed start", func() bool { return fallen.Failure() != nil })
	limited, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		n := fallen.Status().Starts
		eventually(t, "several starts", func() bool { return fallen.Status().Starts > n+1 })
	}()
	if err := fallen.Renew(limited, exits, nil); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "goes on being started: it exited with code 0") {
		t.Errorf("expected unavailable; found %v", err)
	}
	// From wherever it is, it becomes ready; several at once do no harm.
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if err := sup.Renew(within(t, time.Minute), upgraded, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	sup.Stop(context.Background())
	if err := sup.Renew(within(t, time.Minute), upgraded, nil); fault.Of(err) != fault.Conflict {
		t.Errorf("a stopped plugin: expected conflict; found %v", err)
	}
}

func TestASpecThatCannotWorkIsRefused(t *testing.T) {
	for name, change := range map[string]func(*supervisor.Spec){
		"no name":                     func(s *supervisor.Spec) { s.Name = "" },
		"no command":                  func(s *supervisor.Spec) { s.Command = "" },
		"no runtime directory":        func(s *supervisor.Spec) { s.RuntimeDir = "" },
		"a short digest":              func(s *supervisor.Spec) { s.SHA256 = "abcd" },
		"no environment variable":     func(s *supervisor.Spec) { s.Env = []string{"x"} },
		"a variable of the handshake": func(s *supervisor.Spec) { s.Env = []string{"PLUGIN_CLIENT_CERT=x"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(t, "good")
			change(&s)
			if err := supervisor.New(s, supervisor.Options{}).Start(context.Background()); fault.Of(err) != fault.Invalid {
				t.Errorf("expected invalid, got %v", err)
			}
			if err := supervisor.Once(context.Background(), s, nil); fault.Of(err) != fault.Invalid {
				t.Errorf("once: expected invalid, got %v", err)
			}
		})
	}
}

func TestOnceStartsAsksAndStops(t *testing.T) {
	s := spec(t, "good")
	prepared, pid := false, 0
	s.Prepare = func(context.Context, *contract.Client) error { prepared = true; return nil }
	err := supervisor.Once(within(t, time.Minute), s, func(ctx context.Context, c *contract.Client) error {
		r, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: "fork"})
		if err == nil {
			pid, err = strconv.Atoi(r.Diagnostics[0].Summary)
		}
		return err
	})
	if err != nil || !prepared || pid == 0 {
		t.Fatalf("expected a prepared plugin that answers, got %v, %v, %d", err, prepared, pid)
	}
	eventually(t, "the end of what the plugin forked", func() bool { return !alive(pid) })
	if left, _ := os.ReadDir(s.RuntimeDir); len(left) > 0 {
		t.Errorf("expected an empty runtime directory, found %v", left)
	}

	var se *supervisor.StartError
	err = supervisor.Once(within(t, time.Minute), spec(t, "panics"), nil)
	if !errors.As(err, &se) || len(se.Lines) == 0 || !strings.Contains(err.Error(), "at the disco") {
		t.Errorf("expected a start error with lines, got %v", err)
	}
}
