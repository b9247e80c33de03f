package custody_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/health"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
)

// fateEnv names the file that says how a mortal is.
const fateEnv = "TEST_FATE"

// mortal is a keeper that is as its file says: "well", "hangs", or why it is not ready.
type mortal struct {
	keeper
	fate string
}

func (m mortal) Status(context.Context) sdk.Status {
	text, err := os.ReadFile(m.fate)
	if err != nil {
		return sdk.Status{Text: err.Error()}
	}
	switch string(text) {
	case "hangs":
		select {}
	case "well":
		return sdk.Status{Ready: true}
	}
	return sdk.Status{Text: string(text)}
}

func (m mortal) Safeguard(ctx context.Context, key []byte, about sdk.Context) ([]byte, error) {
	if text, _ := os.ReadFile(m.fate); string(text) != "well" {
		return nil, fault.New(fault.Unavailable, "%s", text)
	}
	return m.keeper.Safeguard(ctx, key, about)
}

// fated starts a plugin with a fate, which is set and waited for.
func fated(t *testing.T, o custody.Options) (set *custody.Set, i *custody.Instance, fate func(string)) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "fate")
	fate = func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	fate("well")
	o.Plugins = []config.Plugin{mortalPlugin(file)}
	o.Book, o.RuntimeDir, o.Node = &book{}, filepath.Join(dir, "run"), "node"
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	set, i = begin(t, o)
	return set, i, fate
}

func mortalPlugin(fate string) config.Plugin {
	return config.Plugin{
		Type: "test", Name: "vault", Command: os.Args[0], Timeout: time.Minute,
		Env: map[string]*secret.Bytes{fateEnv: secret.New([]byte(fate))},
	}
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// is tells whether a plugin has a state, for a reason that the operator reads.
func is(i *custody.Instance, want supervisor.State, reason string) bool {
	state, why := i.State()
	return state == want && strings.Contains(why, reason) && (reason != "" || why == "")
}

// TestAPluginThatCannotWorkIsNotReady, and ready again by itself, which what waits for it is told.
func TestAPluginThatCannotWorkIsNotReady(t *testing.T) {
	board := health.New()
	var returns atomic.Int64
	set, i, fate := fated(t, custody.Options{Health: board, Needed: []string{"vault"}, Enrolled: []string{"vault"}, StatusEvery: 20 * time.Millisecond})
	set.OnReturn(func(context.Context) { returns.Add(1) })
	says := func(text string) func() bool {
		return func() bool { err := board.Ready(); return err != nil && err.Error() == text }
	}
	eventually(t, "it is not enrolled", says("plugin vault: not enrolled"))
	if _, err := i.Enrol(context.Background()); err != nil {
		t.Fatal(err)
	}
	well := func() bool { return board.Ready() == nil && is(i, supervisor.Ready, "") }
	eventually(t, "ready", well)
	for round := range int64(2) {
		before := returns.Load()
		fate("the token\x1b[2J is not present")
		eventually(t, "not ready", func() bool { return is(i, custody.NotReady, "the token[2J is not present") })
		eventually(t, "everybody is told that, and not why", says("plugin vault: not-ready"))
		fate("well")
		eventually(t, "ready again", well)
		eventually(t, "a return", func() bool { return returns.Load() > before })
		if st := i.Process(); st.Starts != 1 {
			t.Errorf("round %d: expected the process to live on; found %+v", round, st)
		}
	}
}

// TestAFailedCallIsAReasonToAsk, before the schedule is.
func TestAFailedCallIsAReasonToAsk(t *testing.T) {
	_, i, fate := fated(t, custody.Options{StatusEvery: time.Hour})
	becomes(t, i, ready)
	eventually(t, "ready", func() bool { return is(i, supervisor.Ready, "") })
	fate("the token is gone")
	if _, _, err := i.MakeKey(context.Background()); fault.Of(err) != fault.Unavailable {
		t.Errorf("expected unavailable; found %v", err)
	}
	eventually(t, "not ready", func() bool { return is(i, custody.NotReady, "the token is gone") })
}

// TestAPluginThatHangsIsReplaced, when it has not answered anything for a while.
func TestAPluginThatHangsIsReplaced(t *testing.T) {
	_, i, fate := fated(t, custody.Options{StatusEvery: 20 * time.Millisecond, StatusTime: 100 * time.Millisecond})
	becomes(t, i, ready)
	fate("hangs")
	eventually(t, "not ready", func() bool { return is(i, custody.NotReady, "it does not answer") })
	becomes(t, i, func(st supervisor.Status) bool { return st.Starts >= 2 })
	fate("well")
	eventually(t, "ready", func() bool { return is(i, supervisor.Ready, "") })
}

// TestAPluginThatNobodyNeedsDoesNotCount for the node; its own state is shown all the same.
func TestAPluginThatNobodyNeedsDoesNotCount(t *testing.T) {
	board := health.New()
	_, i, fate := fated(t, custody.Options{Health: board, Needed: []string{"another"}, StatusEvery: 20 * time.Millisecond})
	fate("away")
	eventually(t, "not ready", func() bool { return is(i, custody.NotReady, "away") })
	if err := board.Ready(); err != nil {
		t.Errorf("expected a node that is ready; found %v", err)
	}
}

// TestRenewIsRefusedWhereItCannotWork, and the plugin that runs goes on.
func TestRenewIsRefusedWhereItCannotWork(t *testing.T) {
	ctx := context.Background()
	_, i, fate := fated(t, custody.Options{StatusEvery: time.Hour})
	becomes(t, i, ready)
	file := filepath.Join(t.TempDir(), "fate")
	if err := os.WriteFile(file, []byte("well"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.Renew(ctx, mortalPlugin(file)); err != nil {
		t.Fatal(err)
	}
	st := i.Process()
	if st.Starts != 2 || !ready(st) {
		t.Errorf("expected a second process; found %+v", st)
	}
	pinned, typed, blocked, gone := mortalPlugin(file), mortalPlugin(file), mortalPlugin(file), mortalPlugin(file)
	pinned.SHA256 = make([]byte, 32)
	typed.Type = "other"
	blocked.Config = config.Block{Filename: "node.hcl", Source: []byte("nosuch = 1\n"), StartLine: 7, StartColumn: 1}
	gone.Command = filepath.Join(t.TempDir(), "gone")
	for reason, c := range map[string]struct {
		plugin config.Plugin
		kind   fault.Kind
	}{
		"is not the pinned program":        {pinned, fault.Denied},
		`a plugin of type "test"`:          {typed, fault.Invalid},
		"node.hcl:7: Unsupported argument": {blocked, fault.Invalid},
		"no such file":                     {gone, fault.NotFound},
	} {
		if err := i.Renew(ctx, c.plugin); fault.Of(err) != c.kind || !strings.Contains(err.Error(), `plugin "vault" is left as it is: `) || !strings.Contains(err.Error(), reason) {
			t.Errorf("expected %s, because %s; found %v", c.kind, reason, err)
		}
	}
	if now := i.Process(); now.PID != st.PID || !ready(now) {
		t.Errorf("expected the plugin to go on; found %+v", now)
	}
	// One that runs and cannot work is not ready.
	if err := os.WriteFile(file, []byte("no token"), 0o600); err != nil {
		t.Fatal(err)
	}
	fate("well")
	if err := i.Renew(ctx, mortalPlugin(file)); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "is not ready: no token") {
		t.Errorf("expected unavailable; found %v", err)
	}
}
