package plugintest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk"
	"github.com/milagro-dta/dta/sdk/contract"
	"github.com/milagro-dta/dta/sdk/internal/lent"
)

// Running is a plugin that was started.
type Running struct {
	*contract.Client
	Mode order.Mode
	Kill func() // at once, as by SIGKILL; a second call does nothing
	// Terminate asks it to end, as by SIGTERM, and returns when it has.
	Terminate func()
	// Shutdown asks it to end by the call of the host that started it, and returns when it has. An enrolled plugin has
	// no such call: it is terminated.
	Shutdown func()

	log    *locked
	search *search
	// dump gives the goroutines of the plugin, none where it is not of Go. A program ends of it.
	dump func() []goroutine
	end  ending
}

// Log gives all that the plugin has logged and printed so far.
func (r *Running) Log() string { return r.log.String() }

// told is Log for the report of a failure: keys, and what looks like one, are struck out.
func (r *Running) told() string { return r.search.struck(r.Log()) }

// Launch starts a plugin. It is killed at the end of the test, and what it has said and logged until then is searched
// for the custodian's keys and for Config.Secrets.
func Launch(t testing.TB, c Config) *Running {
	t.Helper()
	c = c.searched(t)
	log, w := &locked{}, newWatcher(c)
	c.search.follow(log.String)
	c.search.watchFiles(c)
	t.Cleanup(func() { // after the kill
		w.report(t, log.String())
		if log.overflowed() {
			t.Errorf("the plugin has written more than %d KiB to its log: the rest was not searched", maxLog>>10)
		}
		c.course.hear(len(log.String()))
	})
	if c.Plugin != nil {
		return launchHere(t, c, log, w)
	}
	return launchProgram(t, c, log, w)
}

func launchHere(t testing.TB, c Config, log *locked, w *watcher) *Running {
	t.Helper()
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: log, JSONFormat: true})
	deaf, err := overhear(log)
	if err != nil {
		t.Fatal(err)
	}
	lis := bufconn.Listen(1 << 20)
	// The life of the plugin, which the end of the test's own context must not cut short.
	ctx, terminate := context.WithCancel(lent.With(context.Background(), c.search.lend))
	done := make(chan error, 1)
	go func() { done <- sdk.ServeListener(ctx, c.Plugin, lis, logger) }()
	conn, err := grpc.NewClient("passthrough:plugin",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(w.listen))
	if err != nil {
		deaf()
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		terminate()
		if err := <-done; err != nil {
			t.Errorf("serving the plugin: %v", err)
		}
		deaf()
		closedIn(t, c, log.String())
	})
	// In one process there is no SIGKILL; a connection that breaks is the nearest thing.
	kill := func() {
		conn.Close()
		end()
	}
	t.Cleanup(kill)
	w.gone = func() string { return "" }
	w.stuck = func() string { return in(here()) }
	return &Running{
		Client: contract.NewClient(conn), Mode: order.Enrolled, Kill: kill, Terminate: end, Shutdown: end,
		log: log, search: c.search, dump: here,
	}
}

// in says in which of the author's functions some goroutines are.
func in(all []goroutine) string {
	for _, f := range authors(all) {
		return ", in " + f.String()
	}
	return ""
}

func launchProgram(t testing.TB, c Config, log *locked, w *watcher) *Running {
	t.Helper()
	cmd := exec.Command(c.Command, c.Args...)
	cmd.Env = append([]string{"PLUGIN_UNIX_SOCKET_DIR=" + shortDir(t), contract.EnvLogLevel + "=trace", "GOTRACEBACK=all"}, c.Env...)
	printed := &locked{} // to standard error, as it came
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  contract.Handshake,
		VersionedPlugins: contract.Plugins(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		Cmd:              cmd,
		StartTimeout:     20 * time.Second,
		GRPCDialOptions:  append(contract.DialOptions(), grpc.WithChainUnaryInterceptor(w.listen)),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: log}),
		Stderr:           io.MultiWriter(log, printed),
		SyncStdout:       log,
		SyncStderr:       log,
	})
	r := &Running{Mode: order.Supervised, log: log, search: c.search}
	r.end = ending{client: client, cmd: cmd}
	r.Kill = sync.OnceFunc(func() {
		how, already := r.end.byItself(0)
		r.end.ask()
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
		client.Kill()
		if already {
			w.ended(how, "")
		}
	})
	t.Cleanup(r.Kill)
	r.dump = func() []goroutine {
		log.close() // what follows is the dump
		printed.reset()
		r.end.ask()
		if cmd.Process != nil && quit(cmd.Process) == nil {
			r.end.await(quitLimit)
		}
		return goroutinesIn(printed.String())
	}
	w.gone = func() string { how, _ := r.end.byItself(reapLimit); return how }
	w.stuck = func() string { return in(r.dump()) }

	protocol, err := client.Client()
	if err != nil {
		c.course.stop("the program does not start")
		if how, ok := r.end.byItself(reapLimit); ok && how != "signal: killed" {
			err = fmt.Errorf("%w\nthe program ended with %s before the handshake, to which its standard output belongs", err, how)
		}
		t.Fatalf("starting %s: %v\n%s", c.Command, err, r.told())
	}
	raw, err := protocol.Dispense(contract.Name)
	if err != nil {
		t.Fatal(err)
	}
	r.Client = raw.(*contract.Client)
	r.Terminate = func() {
		r.end.ask()
		if err := terminate(cmd.Process); err != nil {
			t.Errorf("asking the program to end: %v", err)
		}
		r.awaitExit(t, c)
	}
	r.Shutdown = func() {
		r.end.ask()
		// go-plugin ends the connection before it answers: an error says nothing.
		ctx, cancel := context.WithTimeout(context.Background(), endLimit)
		defer cancel()
		_ = protocol.(*plugin.GRPCClient).Conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &emptypb.Empty{}, &emptypb.Empty{})
		r.awaitExit(t, c)
	}
	return r
}

// Configured launches a plugin and configures it with a root and the name of the identity seen before, both empty
// before the enrolment.
func Configured(t testing.TB, c Config, root, custody []byte) (*Running, *contract.ConfigureResponse) {
	t.Helper()
	r := Launch(t, c)
	answer, err := r.Plugin.Configure(t.Context(), c.ConfigureRequest(r, root, custody))
	if err != nil {
		t.Fatalf("configuring: %v\n%s", err, r.told())
	}
	if len(answer.GetDiagnostics()) != 0 {
		t.Fatalf("configuring: %v", contract.ToHCL(answer.GetDiagnostics(), blockFile))
	}
	return r, answer
}

// Instance is the operator's name of every plugin that is tested.
const Instance = "vault-a"

const blockFile = "node.hcl"

// ConfigureRequest is what a host sends that believes in a root and a name.
func (c Config) ConfigureRequest(r *Running, root, custody []byte) *contract.ConfigureRequest {
	return &contract.ConfigureRequest{
		Block: wire(c.Block), Instance: Instance, Type: c.pluginType(), Root: root, Custody: custody,
		Supervised: r.Mode == order.Supervised,
	}
}

// blockLine is where blocks begin within the operator's file.
const blockLine = 21

func wire(block string) *contract.ConfigBlock {
	return &contract.ConfigBlock{Filename: blockFile, Source: []byte(block), Start: &contract.Position{Line: blockLine, Column: 1, Byte: 500}}
}

// maxLog bounds what one plugin may write: what is more nobody reads, and to search it takes long.
const maxLog = 4 << 20

// locked is a buffer for several writers.
type locked struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	closed  bool
	flooded bool // more was written than there is room for
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flooded = l.flooded || !l.closed && l.buf.Len()+len(b) > maxLog; l.closed || l.flooded {
		return len(b), nil
	}
	return l.buf.Write(b)
}

// close drops what is written from now on.
func (l *locked) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

func (l *locked) overflowed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flooded
}

func (l *locked) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Clone(l.buf.String())
}
