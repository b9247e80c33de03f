package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/milagro-dta/dta/host/datadir"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/host/systest/loopback"
)

// patience is how long a node may take to start or to end on a machine that is
// busy with other tests.
const patience = 60 * time.Second

// TestScripts runs testdata/*.txt, one script per story of a user, with the
// programs as they are built. Beside testscript's own commands a script has:
//
//	exits CODE PROGRAM [ARGS…]  run a program that must end with this code
//	node NAME CONFIG [ARGS…]    start a node; $NAME_URL is where it answers
//	door NAME [ARGS…]           start dta mpin server, likewise
//	end NAME                    stop a node or a server
//	address NAME                find a free address for $NAME
//	ahead DIR                   have a stopped node have recorded a time an hour ahead
//	member NAME PATH            set $NAME to a member of the JSON just printed
//	eventually PROGRAM [ARGS…]  run a program until it succeeds
func TestScripts(t *testing.T) {
	programs := built(t)
	stories, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(stories) == 0 {
		t.Fatalf("found %d scripts, %v", len(stories), err)
	}
	if testing.Short() {
		stories = slices.DeleteFunc(stories, func(path string) bool { return slices.Contains(long, filepath.Base(path)) })
	}
	testscript.Run(t, testscript.Params{
		Files:               stories,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("BIN", programs)
			e.Setenv("PATH", programs+string(filepath.ListSeparator)+e.Getenv("PATH"))
			root, err := filepath.Abs("../..")
			e.Setenv("ROOT", root)
			e.Values[nodes{}] = map[string]*node{}
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "node": start, "door": door, "end": end, "address": address, "ahead": ahead, "member": member, "eventually": eventually,
		},
	})
}

// long are stories of many processes, most of which others tell in short.
var long = []string{"mistakes.txt", "network.txt", "three-nodes.txt"}

// built is the directory of the programs: $DTA_BIN, else they are built.
func built(t *testing.T) string {
	if dir := os.Getenv("DTA_BIN"); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "dta")); err != nil {
			t.Fatalf("$DTA_BIN has no programs: run `make build`: %v", err)
		}
		return dir
	}
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", dir, "github.com/milagro-dta/dta/cmd/...").CombinedOutput()
	if err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return dir
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("expected exit code %d; got %d\n%s%s", want, got, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: [!] eventually PROGRAM [ARGS…]")
	}
	for end := time.Now().Add(patience); (ts.Exec(args[0], args[1:]...) == nil) == neg; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("it did not come to that within %s", patience)
		}
	}
}

func member(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: member NAME PATH")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for step := range strings.SplitSeq(args[1], ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(in) {
				ts.Fatalf("%s: expected a list with %s", args[1], step)
			}
			v = in[i]
		}
	}
	if v == nil {
		ts.Fatalf("%s: there is no such member", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func address(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: address NAME")
	}
	at, err := loopback.Address()
	ts.Check(err)
	ts.Setenv(args[0], at)
}

func ahead(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ahead DIR")
	}
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(ts.MkAbs(args[0]), datadir.Database), store.Options{Create: true})
	ts.Check(err)
	ts.Check(db.Update(ctx, func(tx *store.Tx) error { return tx.Stamp(time.Now().Add(time.Hour).UnixMilli()) }))
	ts.Check(db.Close())
}

// nodes is the key of a script's running nodes, by name.
type nodes struct{}

type node struct {
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: node NAME CONFIG [ARGS…]")
	}
	launch(ts, args[0], append([]string{"host", "--config", args[1]}, args[2:]...)...)
}

func door(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: door NAME [ARGS…]")
	}
	launch(ts, args[0], append([]string{"mpin", "server", "--listen", "127.0.0.1:0"}, args[1:]...)...)
}

// launch starts dta and waits until it says that it is ready, and where.
func launch(ts *testscript.TestScript, name string, args ...string) {
	cmd := exec.Command(filepath.Join(ts.Getenv("BIN"), "dta"), args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environment(ts)
	cmd.SysProcAttr = attributes()
	n := &node{cmd: cmd, done: make(chan struct{}), log: ts.MkAbs(name + ".log")}
	log, err := os.Create(n.log)
	ts.Check(err)
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ready := make(chan string, 1)
	go func() {
		defer close(n.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, rest, ok := strings.Cut(lines.Text(), " ready on "); ok {
				address, _, _ := strings.Cut(rest, " ")
				ready <- address
			}
		}
		_ = cmd.Wait()
	}()
	ts.Value(nodes{}).(map[string]*node)[name] = n
	ts.Defer(func() { n.end(syscall.SIGKILL) })
	select {
	case address := <-ready:
		ts.Setenv(name+"_URL", "http://"+address)
	case <-n.done:
		text, _ := os.ReadFile(n.log)
		ts.Fatalf("%s ended while it started:\n%s", name, text)
	case <-time.After(patience):
		ts.Fatalf("%s was not ready within %s", name, patience)
	}
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: end NAME")
	}
	n := ts.Value(nodes{}).(map[string]*node)[args[0]]
	if n == nil {
		ts.Fatalf("there is no node %q", args[0])
	}
	if !n.end(syscall.SIGTERM) {
		ts.Fatalf("%s did not end within %s of SIGTERM", args[0], patience)
	}
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		text, _ := os.ReadFile(n.log)
		ts.Fatalf("%s: expected exit code 0; got %d\n%s", args[0], code, text)
	}
}

func (n *node) end(s os.Signal) bool {
	_ = n.cmd.Process.Signal(s)
	select {
	case <-n.done:
		return true
	case <-time.After(patience):
		_ = n.cmd.Process.Kill()
		<-n.done
		return false
	}
}

// environment is the script's: what a node's configuration reads with env().
func environment(ts *testscript.TestScript) []string {
	names := []string{"PATH", "HOME", "TMPDIR"}
	for _, name := range strings.Fields(ts.Getenv("EXPORT")) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var env []string
	for _, name := range names {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}
