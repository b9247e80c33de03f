package custody_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/config"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
)

// schemeEnv has the test binary play a plugin that is no friend of the host, and calls its scheme so; without it, it
// is an honest one.
const schemeEnv = "TEST_SCHEME"

func TestMain(m *testing.M) {
	if os.Getenv(contract.Handshake.MagicCookieKey) == "" {
		os.Exit(m.Run())
	}
	if scheme := os.Getenv(schemeEnv); scheme != "" {
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig:  contract.Handshake,
			VersionedPlugins: contract.Served(func(r grpc.ServiceRegistrar) { contract.RegisterPluginServer(r, liar{scheme: scheme}) }),
			GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
				return grpc.NewServer(append(o, contract.ServerOptions()...)...)
			},
		})
		return
	}
	sdk.Serve(sdk.Plugin[struct{}]{
		Type: "test", Version: "1",
		Open: func(_ context.Context, _ *struct{}, env sdk.Environment) (sdk.Custodian, error) {
			env.Logger.Debug("opened at level debug")
			if fate := os.Getenv(fateEnv); fate != "" {
				return mortal{fate: fate}, nil
			}
			return keeper{}, nil
		},
	})
}

// keeper keeps nothing: its deposits are the keys.
type keeper struct{}

func (keeper) Safeguard(_ context.Context, key []byte, _ sdk.Context) ([]byte, error) {
	return append([]byte(nil), key...), nil
}

func (keeper) Restore(_ context.Context, deposit []byte, _ sdk.Context) ([]byte, error) {
	return append([]byte(nil), deposit...), nil
}

type liar struct {
	contract.UnimplementedPluginServer
	scheme string
}

func (l liar) Configure(context.Context, *contract.ConfigureRequest) (*contract.ConfigureResponse, error) {
	return &contract.ConfigureResponse{Scheme: l.scheme}, nil
}

func (liar) Describe(context.Context, *contract.DescribeRequest) (*contract.DescribeResponse, error) {
	return &contract.DescribeResponse{Type: "test"}, nil
}

// book keeps roots in memory.
type book struct {
	mu    sync.Mutex
	roots map[string]custody.Root

	tenures map[string]custody.Tenure
	keep    func() // runs before a root is kept, or nil
}

func (b *book) Root(_ context.Context, instance string) (custody.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	root, ok := b.roots[instance]
	if !ok {
		return root, fault.New(fault.NotFound, "never enrolled")
	}
	return root, nil
}

func (b *book) KeepRoot(_ context.Context, instance string, root custody.Root, _ bool) error {
	if b.keep != nil {
		b.keep()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roots[instance] = root
	return nil
}

func (b *book) Tenure(_ context.Context, instance string) (custody.Tenure, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tenures[instance], nil
}

func (b *book) KeepTenure(_ context.Context, instance string, change func(custody.Tenure) custody.Tenure) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenures == nil {
		b.tenures = map[string]custody.Tenure{}
	}
	b.tenures[instance] = change(b.tenures[instance])
	return nil
}

func (b *book) TakeOver(ctx context.Context, instance, _ string, change func(custody.Tenure) custody.Tenure) error {
	return b.KeepTenure(ctx, instance, change)
}

// log is what was logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) says(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), what)
}

// started is a set of one plugin, which is not waited for.
func started(t *testing.T, b *book, runtimeDir string, out io.Writer, env map[string]string) *custody.Instance {
	t.Helper()
	p := config.Plugin{Type: "test", Name: "vault", Command: os.Args[0], Timeout: time.Minute, Env: map[string]*secret.Bytes{}}
	for name, value := range env {
		p.Env[name] = secret.New([]byte(value))
	}
	_, i := begin(t, custody.Options{
		Plugins: []config.Plugin{p}, Book: b, RuntimeDir: runtimeDir, Node: "node",
		Log: hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: out}),
	})
	return i
}

// begin starts a set, and stops it after the test.
func begin(t *testing.T, o custody.Options) (*custody.Set, *custody.Instance) {
	t.Helper()
	o.Book.(*book).roots = map[string]custody.Root{}
	set, err := custody.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Stop(context.Background()) })
	i, err := set.Instance("vault")
	if err != nil {
		t.Fatal(err)
	}
	return set, i
}

// becomes waits for a state of the plugin's process.
func becomes(t *testing.T, i *custody.Instance, want func(supervisor.Status) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !want(i.Process()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened; found %+v", i.Process())
		}
	}
}

func ready(st supervisor.Status) bool { return st.State == supervisor.Ready }

// TestAPluginThatDiesWhileItIsEnrolledKnowsItsIdentityWhenItComesBack: the process that follows is told of it, however
// long it takes to record it.
func TestAPluginThatDiesWhileItIsEnrolledKnowsItsIdentityWhenItComesBack(t *testing.T) {
	b := &book{}
	i := started(t, b, t.TempDir(), io.Discard, nil)
	becomes(t, i, ready)
	b.keep = func() {
		syscall.Kill(i.Process().PID, syscall.SIGKILL)
		becomes(t, i, func(st supervisor.Status) bool {
			return st.Starts == 2 && (st.State == supervisor.Configuring || st.State == supervisor.Ready)
		})
		time.Sleep(200 * time.Millisecond) // time enough to be configured without it
	}
	id, err := i.Enrol(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	becomes(t, i, ready)
	if known := i.Identity(); known == nil || known.Name != id.Name || !i.About().GetEnrolled() {
		t.Errorf("expected a plugin that is enrolled as %s; found %v, and the plugin says of itself: enrolled %t", id.Name, known, i.About().GetEnrolled())
	}
}

func TestOneOfTwoEnrolmentsAtOnceIsRefused(t *testing.T) {
	i := started(t, &book{}, t.TempDir(), io.Discard, nil)
	results := make(chan error)
	for range 2 {
		go func() {
			_, err := i.Enrol(context.Background())
			results <- err
		}()
	}
	a, b := <-results, <-results
	if a == nil {
		a, b = b, a
	}
	if b != nil || fault.Of(a) != fault.Conflict || !strings.Contains(fmt.Sprint(a), "enrolled already") {
		t.Errorf("expected one enrolment and one conflict, found %v and %v", b, a)
	}
}

// TestAPluginLogsAsMuchAsItsHost, unless its own environment says otherwise.
func TestAPluginLogsAsMuchAsItsHost(t *testing.T) {
	for level, logged := range map[string]bool{"": true, "error": false} {
		t.Run(level, func(t *testing.T) {
			env := map[string]string{}
			if level != "" {
				env[contract.EnvLogLevel] = level
			}
			var out log
			i := started(t, &book{}, t.TempDir(), &out, env)
			becomes(t, i, ready)
			// What the first process wrote has been read when the second is ready.
			syscall.Kill(i.Process().PID, syscall.SIGKILL)
			becomes(t, i, func(st supervisor.Status) bool { return st.Starts == 2 && ready(st) })
			if out.says("opened at level debug") != logged {
				t.Errorf("expected a line at level debug: %t; found\n%s", logged, out.text.String())
			}
		})
	}
}

// TestWhatAPluginLeavesBehindStopsNoNode: it could make the next start of the whole node fail.
func TestWhatAPluginLeavesBehindStopsNoNode(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "p00000000.lock")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	var out log
	becomes(t, started(t, &book{}, dir, &out, nil), ready)
	if !out.says(left) {
		t.Errorf("expected a log that names %s; found\n%s", left, out.text.String())
	}
}

// TestASchemeThatNobodyCouldShowIsRefused: everyone who asks for the node's status is told the scheme.
func TestASchemeThatNobodyCouldShowIsRefused(t *testing.T) {
	for name, scheme := range map[string]string{"would paint the terminal": "\x1b[2Jaes", "long": strings.Repeat("x", 65)} {
		t.Run(name, func(t *testing.T) {
			i := started(t, &book{}, t.TempDir(), io.Discard, map[string]string{schemeEnv: scheme})
			becomes(t, i, func(st supervisor.Status) bool { return st.State == supervisor.Failed })
			if st := i.Process(); !strings.Contains(st.Reason, "expected a scheme") || i.Scheme() != "" {
				t.Errorf("expected a scheme that is refused; found %q and %+v", i.Scheme(), st)
			}
		})
	}
	i := started(t, &book{}, t.TempDir(), io.Discard, map[string]string{schemeEnv: "rung/1"})
	becomes(t, i, ready)
	if i.Scheme() != "rung/1" {
		t.Errorf("expected the scheme rung/1; found %q", i.Scheme())
	}
}
