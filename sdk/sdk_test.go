package sdk_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/pluginconf"
	"github.com/milagro-dta/dta/sdk/plugintest"
)

const pin = "Kanarienvogel-4711"

// unrulyConfig runs this program as a plugin that does what is said.
func unrulyConfig(do, arg string) plugintest.Config {
	return plugintest.Config{Command: os.Args[0], Type: "unruly", Block: fmt.Sprintf("do = %q\npin = %q\narg = %q\n", do, pin, arg)}
}

func started(t *testing.T, do, arg string) *plugintest.Running {
	t.Helper()
	r, _ := plugintest.Configured(t, unrulyConfig(do, arg), nil, nil)
	t.Cleanup(func() {
		if strings.Contains(r.Log(), pin) {
			t.Errorf("the log holds the PIN:\n%s", r.Log())
		}
	})
	return r
}

func make32(ctx context.Context, r *plugintest.Running) error {
	_, err := r.NodeIdentity.Make(ctx, &contract.MakeRequest{})
	return err
}

func TestWhatACustodianDoesWrongStaysItsOwn(t *testing.T) {
	for do, kind := range map[string]fault.Kind{
		"panic":               fault.Internal,
		"fail without a kind": fault.Internal,
		"give nothing":        fault.Internal,
		"give too much":       fault.Internal,
		"name the secret":     fault.Denied,
	} {
		t.Run(do, func(t *testing.T) {
			r := started(t, do, "")
			err := make32(t.Context(), r)
			if fault.Of(err) != kind {
				t.Errorf("expected %s; got %s: %v", kind, fault.Of(err), err)
			}
			if strings.Contains(fmt.Sprint(err), pin) || strings.Contains(fmt.Sprint(err), "/opt/hsm") {
				t.Errorf("the error tells too much: %v", err)
			}
			if kind == fault.Internal {
				eventually(t, func() bool { return strings.Contains(r.Log(), "call failed") })
			}
			if err := r.Ping(t.Context()); err != nil {
				t.Errorf("expected the plugin to live; got %v", err)
			}
		})
	}
}

func TestACustodianMayScribbleOnWhatItIsLent(t *testing.T) {
	r := started(t, "scribble", "")
	made, err := r.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: made.GetDeposit()})
	if err != nil || string(got.GetKey()) != string(made.GetKey()) {
		t.Errorf("expected the key back; got %v", err)
	}
}

func TestAShortKeyIsTheCustodiansFault(t *testing.T) {
	r := started(t, "give a short key", "")
	made, err := r.NodeIdentity.Make(t.Context(), &contract.MakeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = r.NodeIdentity.Open(t.Context(), &contract.OpenRequest{Deposit: made.GetDeposit()}); fault.Of(err) != fault.Internal {
		t.Errorf("expected internal; got %v", err)
	}
}

func TestTheReasonOfAFailedOpenReachesTheOperatorWithoutThePIN(t *testing.T) {
	c := unrulyConfig("fail to open", "")
	r := plugintest.Launch(t, c)
	_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, nil, nil))
	if fault.Of(err) != fault.Unavailable || err.Error() != "token refused PIN [secret]" {
		t.Errorf("expected unavailable with its reason; got %s: %v", fault.Of(err), err)
	}
}

func TestASchemeThatNoReceiptCouldCarryIsRefusedAtTheStart(t *testing.T) {
	c := unrulyConfig("call its scheme by a long name", "")
	r := plugintest.Launch(t, c)
	_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, nil, nil))
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "scheme of at most 64") {
		t.Errorf("expected invalid; got %s: %v", fault.Of(err), err)
	}
}

func TestAKeyMakerNamesItsTypes(t *testing.T) {
	for arg, says := range map[string]string{
		"":                          "found none",
		"ed25519 rsa":               `unknown key type "rsa"`,
		"ed25519 secp256k1 ed25519": "ed25519 is named twice",
	} {
		c := unrulyConfig("make keys", arg)
		r := plugintest.Launch(t, c)
		_, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, nil, nil))
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: expected invalid, %q; got %s: %v", arg, says, fault.Of(err), err)
		}
	}
}

func TestAKeyOfAnotherTypeIsTheCustodiansFault(t *testing.T) {
	e := plugintest.Enrol(t, unrulyConfig("make keys", "secp256k1 ed25519"))
	d, err := e.Plugin.Describe(t.Context(), &contract.DescribeRequest{})
	if err != nil || !slices.Equal(d.GetKeyTypes(), []string{"secp256k1", "ed25519"}) {
		t.Errorf("expected the types of the custodian; got %q, %v", d.GetKeyTypes(), err)
	}
	for typ, want := range map[keytype.Type]fault.Kind{keytype.Secp256k1: "", keytype.Ed25519: fault.Internal, keytype.BLS12381: fault.Unsupported} {
		o := e.Order(t, nil, func(p *order.Plan) { p.KeyType = typ })
		if _, err := e.Custody.Safeguard(t.Context(), o.Ask()); fault.Of(err) != want {
			t.Errorf("%s: expected %q; got %v", typ.Name(), want, err)
		}
	}
}

func TestDeadlinesReachTheCustodian(t *testing.T) {
	r := started(t, "wait for the deadline", "")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := make32(ctx, r); fault.Of(err) != fault.Deadline {
		t.Errorf("expected deadline; got %v", err)
	}
}

func TestTheProcessIsClosedToDumpsAndDebuggers(t *testing.T) {
	r := started(t, "", "")
	s, err := r.Plugin.Status(t.Context(), &contract.StatusRequest{})
	if err != nil || s.GetText() != hardened+" [secret]" {
		t.Errorf("expected %q and no PIN; got %q, %v", hardened, s.GetText(), err)
	}
}

func TestLibrariesLogToTheHostWithTheirLevel(t *testing.T) {
	r := started(t, "log", "")
	if err := make32(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, line := range []struct{ level, text string }{{"WARN", "through log"}, {"ERROR", "through slog"}, {"INFO", "through the logger"}} {
		eventually(t, func() bool {
			for l := range strings.Lines(r.Log()) {
				if strings.Contains(l, line.text) && strings.Contains(l, line.level) && strings.Contains(l, "[secret]") {
					return true
				}
			}
			return false
		})
	}
}

func TestAskedToEndACallInFlightIsFinished(t *testing.T) {
	for how, end := range map[string]func(*plugintest.Running){
		"by SIGTERM":             func(r *plugintest.Running) { r.Terminate() },
		"by the host's Shutdown": func(r *plugintest.Running) { r.Shutdown() },
	} {
		t.Run(how, func(t *testing.T) {
			inside := filepath.Join(t.TempDir(), "inside")
			r := started(t, "wait", inside)
			done := make(chan error, 1)
			go func() { done <- make32(t.Context(), r) }()
			eventually(t, func() bool { _, err := os.Stat(inside); return err == nil })
			end(r)
			if err := <-done; err != nil {
				t.Errorf("expected the call's answer; got %v", err)
			}
			eventually(t, func() bool { return strings.Contains(r.Log(), "custodian closed") })
			if log := r.Log(); strings.Contains(log, "closed during a call") {
				t.Errorf("expected the custodian to be closed after the call; the log:\n%s", log)
			}
		})
	}
}

func TestRunByHandItExplainsItself(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		out  string
	}{
		{"without arguments", nil, 2, `plugin "unruly"`},
		{"asked for help", []string{"-h"}, 0, "no D-TA host attaches"},
		{"asked for its version", []string{"-version"}, 0, "unruly 1.2.3"},
		{"with an unknown flag", []string{"-nonsense"}, 2, "nonsense"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], test.args...)
			cmd.Env = append(os.Environ(), asPlugin+"=1")
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(string(out), test.out) {
				t.Errorf("expected status %d and %q; got %d and %s", test.code, test.out, code, out)
			}
			if test.args == nil && strings.Contains(string(out), "-socket") {
				t.Errorf("expected no word of what is of no use yet; got %s", out)
			}
		})
	}
}

func TestAnEnrolledPluginServesASocketOfItsOwn(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "dta-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	serve := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-socket", path)
		cmd.Env = append(os.Environ(), asPlugin+"=1")
		cmd.Stderr = io.Discard
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	attach := func() *contract.Client {
		conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		c := contract.NewClient(conn)
		eventually(t, func() bool { return c.Ping(t.Context()) == nil })
		return c
	}

	first := serve()
	c := attach()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o600 {
		t.Errorf("expected a socket of mode 0600; got %v, %v", info.Mode(), err)
	}
	req := &contract.ConfigureRequest{Block: &contract.ConfigBlock{Filename: "n.hcl"}, Instance: "v", Type: "unruly"}
	if _, err := c.Plugin.Configure(t.Context(), req); err != nil {
		t.Error(err)
	}
	// A host that attaches anew configures anew, and gets the same answer.
	if _, err := attach().Plugin.Configure(t.Context(), req); err != nil {
		t.Error(err)
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	serve() // over the socket that the first left behind
	attach()
}

func TestDefaultsHoldForWhatTheOperatorLeavesOut(t *testing.T) {
	var got behaviour
	p := sdk.Plugin[behaviour]{
		Type:     "x",
		Defaults: func() behaviour { return behaviour{Do: "log", Arg: "default"} },
		Open: func(_ context.Context, b *behaviour, _ sdk.Environment) (sdk.Custodian, error) {
			got = *b
			return custodian{}, nil
		},
	}
	if _, err := p.OpenBlock(t.Context(), pluginconf.Block{Source: []byte("arg = \"given\"\n"), Start: hcl.InitialPos}, sdk.Environment{}); err != nil {
		t.Fatal(err)
	}
	if want := (behaviour{Do: "log", Arg: "given"}); got != want {
		t.Errorf("expected %+v; got %+v", want, got)
	}
}

func TestAnOpenThatOpensNothingIsAnError(t *testing.T) {
	p := sdk.Plugin[struct{}]{Type: "x", Open: func(context.Context, *struct{}, sdk.Environment) (sdk.Custodian, error) { return nil, nil }}
	if _, err := p.OpenBlock(t.Context(), pluginconf.Block{Start: hcl.InitialPos}, sdk.Environment{}); err == nil {
		t.Error("expected an error")
	}
}

// eventually waits for what another process is about to do.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for range 4000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}
