package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// The test binary is its own plugin and its own host: these variables say what it plays.
const (
	modeEnv = "BAD_PLUGIN"
	hostEnv = "BAD_PLUGIN_HOST" // the runtime directory
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(hostEnv); dir != "" {
		playHost(dir)
	}
	if mode := os.Getenv(modeEnv); mode != "" {
		playPlugin(mode)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// playHost starts a plugin, prints its process id and waits to be killed.
func playHost(dir string) {
	s := supervisor.New(supervisor.Spec{
		Name: "orphan", Command: os.Args[0], Env: []string{modeEnv + "=good"}, RuntimeDir: dir, StartTimeout: time.Minute,
	}, supervisor.Options{})
	if err := s.Start(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Status().PID)
	select {}
}

// playPlugin misbehaves before, instead of, or after serving.
func playPlugin(mode string) {
	mode, argument, _ := strings.Cut(mode, " ")
	switch mode {
	case "hangs":
		select {}
	case "complains":
		fmt.Fprintln(os.Stderr, "no token")
		os.Stdout.Close()
		select {}
	case "closes-stdout":
		os.Stdout.Close()
		select {}
	case "prints":
		fmt.Println("hello, world \x1b[31mred")
	case "long-line":
		for {
			fmt.Print(strings.Repeat("x", 4096))
		}
	case "exits":
		fmt.Fprintln(os.Stderr, "last words")
		return
	case "panics":
		panic("at the disco")
	case "says":
		fmt.Println(argument)
		select {}
	case "begins-to-say":
		fmt.Print(argument)
		select {}
	case "ends-saying":
		fmt.Print(argument)
		return
	case "floods":
		flood()
	case "flaky":
		// Ready from the n-th start on; the file counts.
		f, _ := os.OpenFile(argument, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
		f.Write([]byte("."))
		if b, _ := os.ReadFile(argument); len(b) < 4 {
			os.Exit(9)
		}
	case "stays":
		signal.Ignore(syscall.SIGTERM)
		defer func() { select {} }()
	case "stops-after-handshake":
		go func() {
			time.Sleep(50 * time.Millisecond)
			syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		}()
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  contract.Handshake,
		VersionedPlugins: contract.Served(func(r grpc.ServiceRegistrar) { contract.RegisterPluginServer(r, badPlugin{}) }),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, contract.ServerOptions()...)...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: os.Stderr, JSONFormat: true}),
	})
}

// badPlugin does what the instance of a ValidateRequest tells it to.
type badPlugin struct {
	contract.UnimplementedPluginServer
}

func (badPlugin) Validate(ctx context.Context, r *contract.ValidateRequest) (*contract.ValidateResponse, error) {
	what, argument, _ := strings.Cut(r.Instance, " ")
	answer := ""
	switch what {
	case "env":
		for _, e := range os.Environ() {
			name, _, _ := strings.Cut(e, "=")
			answer += name + "\n"
		}
	case "stdin":
		b, _ := io.ReadAll(os.Stdin)
		answer = fmt.Sprint(len(b))
	case "panic":
		go func() { panic("in a handler") }()
		select {}
	case "exit":
		os.Exit(7)
	case "hang":
		select {}
	case "stop":
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		select {} // the signal takes a moment
	case "sleep":
		d, _ := time.ParseDuration(argument)
		time.Sleep(d)
	case "flood":
		flood()
	case "print":
		for i := range 100_000 {
			fmt.Println("printed line", i)
		}
	case "fork":
		child := exec.Command("sleep", "1000")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			return nil, err
		}
		answer = fmt.Sprint(child.Process.Pid)
	case "place":
		self, _ := os.Executable()
		answer = fmt.Sprintf("%s %q", self, os.Args)
	case "files":
		open, _ := os.ReadDir("/proc/self/fd")
		for _, f := range open {
			to, _ := os.Readlink("/proc/self/fd/" + f.Name())
			answer += to + "\n"
		}
	case "refuse":
		return nil, fault.New(fault.Kind(argument), "told to refuse")
	}
	return &contract.ValidateResponse{Diagnostics: []*contract.Diagnostic{{Summary: answer}}}, nil
}

// stderr is the real one: go-plugin puts a stream in the place of os.Stderr.
var stderr = os.Stderr

// flood writes what has broken hosts: lines that are no log entries, giant ones, very many.
func flood() {
	for _, line := range []string{
		`{"@message": 5}`, `{"@level": {}, "@message": []}`, `{"@timestamp": true}`, `null`, `[]`, "{", "\x00\xff\x1b[2J",
		strings.Repeat("[", 100_000), strings.Repeat("x", 3_000_000),
		`{"@message": "` + strings.Repeat("y", 1_000_000) + `"}`,
	} {
		fmt.Fprintln(stderr, line)
	}
	for i := range 100_000 {
		fmt.Fprintln(stderr, "line", i)
	}
}

// ---- what the tests share

// spec is a plugin of the given mode, with a runtime directory of its own.
func spec(t *testing.T, mode string) supervisor.Spec {
	t.Helper()
	return supervisor.Spec{
		Name: "vault-a", Type: "bad", Command: os.Args[0], Env: []string{modeEnv + "=" + mode},
		RuntimeDir: filepath.Join(t.TempDir(), "run"), StartTimeout: time.Minute,
	}
}

// quick are options that keep tests short where failures repeat.
var quick = supervisor.Options{BackoffMin: time.Millisecond, BackoffMax: 4 * time.Millisecond}

func begin(t *testing.T, s supervisor.Spec, o supervisor.Options) *supervisor.Supervisor {
	t.Helper()
	sup := supervisor.New(s, o)
	t.Cleanup(func() {
		sup.Stop(context.Background())
		if st := sup.Status(); st.State != supervisor.Stopped || st.PID != 0 {
			t.Errorf("after Stop: expected a stopped plugin, found %+v", st)
		}
		left, err := os.ReadDir(s.RuntimeDir)
		if err == nil && len(left) > 0 {
			t.Errorf("after Stop: expected an empty runtime directory, found %v", left)
		}
	})
	return sup
}

func ready(t *testing.T, s supervisor.Spec, o supervisor.Options) *supervisor.Supervisor {
	t.Helper()
	sup := begin(t, s, o)
	if err := sup.Start(within(t, time.Minute)); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(sup.Status().LastLines, "\n"))
	}
	return sup
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// tell has the plugin do something and returns what it answers.
func tell(ctx context.Context, s *supervisor.Supervisor, what string) (answer string, err error) {
	err = s.Call(ctx, func(ctx context.Context, c *contract.Client) error {
		r, err := c.Plugin.Validate(ctx, &contract.ValidateRequest{Instance: what})
		if err == nil {
			answer = r.Diagnostics[0].Summary
		}
		return err
	})
	return answer, err
}

// eventually waits for what must come true.
func eventually(t *testing.T, what string, true_ func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !true_(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// alive says whether a process runs; a zombie that nobody reaps does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// counter is a log that measures itself.
type counter struct {
	mu             sync.Mutex
	lines, longest int
}

func (c *counter) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: c})
}

func (c *counter) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines++
	c.longest = max(c.longest, len(b))
	return len(b), nil
}

func (c *counter) read() (lines, longest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines, c.longest
}
