// Package nodes runs nodes from the built programs, each a process of its own
// with its own plugin, on loopback, for tests. They log at trace level.
package nodes

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a node may take to start or to end on a machine that is
// busy with other tests.
const patience = 60 * time.Second

// Node is one node. Its address stays the same when it is stopped and started
// again. Below Dir lie node.hcl, data (the node's own files), token (its
// plugin's) and log.
type Node struct {
	Name     string
	Dir      string
	URL      string
	Identity string // its name, a CID

	client http.Client
	cmd    *exec.Cmd
	done   chan struct{}

	mu      sync.Mutex
	refused [][]byte // bodies of answers that were no success
}

// Options are what a test wants beyond the ordinary.
type Options struct {
	HCL        map[string]string // further blocks by the node's name; "" for every node
	Principals []string          // further principals of the fiduciary
}

// World is the three nodes of an order, each in one role.
type World struct {
	Principal, Fiduciary, Beneficiary *Node
	Custody                           string // the fiduciary's custody identity
}

// All lists the nodes.
func (w *World) All() []*Node { return []*Node{w.Principal, w.Fiduciary, w.Beneficiary} }

// Programs is the directory of the built programs: $DTA_BIN, or bin at the root
// of the repository.
func Programs(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("DTA_BIN")
	if dir == "" {
		dir = filepath.Join(root(t), "bin")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "dta")); err != nil {
		t.Fatalf("the programs are not built: run `make build`: %v", err)
	}
	return dir
}

func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		text, _ := os.ReadFile(filepath.Join(dir, "go.mod"))
		if strings.HasPrefix(string(text), "module github.com/milagro-dta/dta\n") {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the repository's root is not above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// One starts a node in all three roles.
func One(t testing.TB, o Options) *Node {
	t.Helper()
	n := newNode(t, "one")
	n.write(t, o, `fiduciary {
  custody    = ["vault"]
  principals = ["self"]
}
`)
	n.identify(t)
	n.Start(t)
	n.offers(t)
	return n
}

// Three starts a principal, a fiduciary and a beneficiary that know each other.
func Three(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{Principal: newNode(t, "principal"), Fiduciary: newNode(t, "fiduciary"), Beneficiary: newNode(t, "beneficiary")}
	for _, n := range w.All() {
		n.write(t, Options{}, "")
		n.identify(t)
	}
	var got struct{ Name string }
	if err := json.Unmarshal(w.Fiduciary.CLI(t, "plugin", "enrol", "vault", "--json", "--config", "node.hcl"), &got); err != nil {
		t.Fatal(err)
	}
	w.Custody = got.Name
	for _, n := range w.All() {
		var text strings.Builder
		for _, p := range w.All() {
			if p == n {
				continue
			}
			fmt.Fprintf(&text, "peer %q {\n  identity = %q\n  url      = %q\n", p.Name, p.Identity, p.URL)
			if p == w.Fiduciary {
				fmt.Fprintf(&text, "  custody  = [%q]\n", w.Custody)
			}
			text.WriteString("}\n")
		}
		if n == w.Fiduciary {
			principals, _ := json.Marshal(append([]string{w.Principal.Identity}, o.Principals...))
			fmt.Fprintf(&text, "fiduciary {\n  custody    = [\"vault\"]\n  principals = %s\n}\n", principals)
		}
		n.write(t, o, text.String())
		n.Start(t)
	}
	w.Fiduciary.offers(t)
	return w
}

func newNode(t testing.TB, name string) *Node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// Short, since sockets lie below it.
	dir, err := os.MkdirTemp("", "dta-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &Node{Name: name, Dir: dir, URL: "http://" + l.Addr().String(), client: http.Client{Timeout: patience}}
}

// Data, Token and LogFile are where the node's files lie.
func (n *Node) Data() string { return filepath.Join(n.Dir, "data") }

// Token is the directory of the node's plugin.
func (n *Node) Token() string { return filepath.Join(n.Dir, "token") }

// LogFile is what the node, and its plugin, have logged.
func (n *Node) LogFile() string { return filepath.Join(n.Dir, "log") }

// PID is the host's process.
func (n *Node) PID() int { return n.cmd.Process.Pid }

func (n *Node) write(t testing.TB, o Options, more string) {
	t.Helper()
	enrol := n.Name != "fiduciary"
	text := fmt.Sprintf(`node {
  name     = %q
  data_dir = "./data"
  seal     = "vault"
}
listener "local" {
  address = %q
  serves  = ["principals", "nodes"]
}
plugin "softhsm-demo" "vault" {
  command    = "dta-plugin-softhsm-demo"
  self_enrol = %t
  config {
    directory = "./token"
  }
}
log {
  level = "trace"
}
`, n.Name, strings.TrimPrefix(n.URL, "http://"), enrol) + more + o.HCL[""] + o.HCL[n.Name]
	if err := os.WriteFile(filepath.Join(n.Dir, "node.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (n *Node) identify(t testing.TB) {
	t.Helper()
	n.Identity = strings.TrimSpace(string(n.CLI(t, "identity", "show", "--config", "node.hcl")))
}

// CLI runs dta in the node's directory, where node.hcl is, and returns what it
// prints.
func (n *Node) CLI(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(filepath.Join(Programs(t), "dta"), args...)
	cmd.Dir = n.Dir
	cmd.Env = append(os.Environ(), "DTA_URL="+n.URL)
	var text strings.Builder
	cmd.Stderr = &text
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: dta %s: %v\n%s", n.Name, strings.Join(args, " "), err, text.String())
	}
	return out
}

// Start runs the node until the test ends, or Stop or Kill is called.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(filepath.Join(Programs(t), "dta"), "host", "--config", "node.hcl")
	cmd.Dir = n.Dir
	cmd.SysProcAttr = attributes()
	log, err := os.OpenFile(n.LogFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done, ready := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), " ready on ") {
				ready <- struct{}{}
			}
		}
		_ = cmd.Wait()
	}()
	n.cmd, n.done = cmd, done
	t.Cleanup(func() { n.end(t, cmd, done, syscall.SIGTERM) })
	select {
	case <-ready:
	case <-done:
		t.Fatalf("%s ended while it started:\n%s", n.Name, n.Log(t))
	case <-time.After(patience):
		t.Fatalf("%s was not ready within %s:\n%s", n.Name, patience, n.Log(t))
	}
}

// Stop ends the node as its operator does.
func (n *Node) Stop(t testing.TB) { n.end(t, n.cmd, n.done, syscall.SIGTERM) }

// Kill ends the node as a crash does.
func (n *Node) Kill(t testing.TB) { n.end(t, n.cmd, n.done, syscall.SIGKILL) }

func (n *Node) end(t testing.TB, cmd *exec.Cmd, done chan struct{}, s os.Signal) {
	t.Helper()
	_ = cmd.Process.Signal(s)
	select {
	case <-done:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-done
		t.Errorf("%s did not end within %s", n.Name, patience)
	}
}

// Log is what the node has logged so far.
func (n *Node) Log(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile(n.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// offers waits for the offer of the node's plugin.
func (n *Node) offers(t testing.TB) {
	t.Helper()
	n.Until(t, "an offer", func() bool {
		var got struct{ Offers []any }
		return n.Get(t, "/v1/custody", &got) && len(got.Offers) == 1
	})
}

// Until waits for something to become so.
func (n *Node) Until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: waited %s for %s", n.Name, patience, what)
		}
	}
}
