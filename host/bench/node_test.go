package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// node is a node in all three roles, run from the built programs.
type node struct {
	cmd  *exec.Cmd
	url  string
	http *http.Client
}

const config = `
node {
  name     = "bench"
  data_dir = "./data"
  seal     = "vault"
}
listener "local" {
  address = "127.0.0.1:0"
  serves  = ["principals", "nodes"]
}
plugin "softhsm-demo" "vault" {
  command    = "dta-plugin-softhsm-demo"
  self_enrol = true
  config { directory = "./token" }
}
fiduciary {
  custody    = ["vault"]
  principals = ["self"]
}
`

// start launches a node and warms it up.
func start(tb testing.TB) *node {
	tb.Helper()
	return startFrom(tb, programs())
}

func startFrom(tb testing.TB, bin string) *node {
	tb.Helper()
	n := launch(tb, bin)
	n.warm(tb)
	return n
}

// programs is the directory of the built programs.
func programs() string {
	if bin := os.Getenv("DTA_BIN"); bin != "" {
		return bin
	}
	return "../../bin"
}

// launch starts a new node from the programs in bin and waits until it says that it is ready.
func launch(tb testing.TB, bin string) *node {
	tb.Helper()
	program, err := filepath.Abs(filepath.Join(bin, "dta"))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		tb.Fatalf("%v: run make build", err)
	}
	dir := tb.TempDir()
	file := filepath.Join(dir, "node.hcl")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program, "host", "--create", "--config", file)
	cmd.Dir = dir
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { stop(cmd) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("the node did not become ready: %v\n%s", err, log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	words := strings.Fields(line)
	n := &node{cmd: cmd, http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 128}}}
	for i, w := range words {
		if w == "on" {
			n.url = "http://" + words[i+1]
		}
	}
	return n
}

func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
}

// warm waits for the plugin's offer, which a node that has just started lacks.
func (n *node) warm(tb testing.TB) {
	for range 100 {
		if ref, err := n.place([]byte("warm")); err == nil {
			if err := n.redeem(ref); err != nil {
				tb.Fatal(err)
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	tb.Fatal("the node takes no orders")
}

func (n *node) post(path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	res, err := n.http.Post(n.url+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, res.Status, text)
	}
	return json.Unmarshal(text, out)
}

func (n *node) place(secret []byte) (string, error) {
	var out struct{ OrderReference, State string }
	err := n.post("/v1/order", map[string]any{"secret": secret}, &out)
	if err == nil && out.State != "accepted" {
		err = fmt.Errorf("order %s is %s", out.OrderReference, out.State)
	}
	return out.OrderReference, err
}

func (n *node) redeem(ref string) error {
	var out struct{ Secret []byte }
	err := n.post("/v1/order/secret", map[string]any{"orderReference": ref}, &out)
	if err == nil && len(out.Secret) == 0 {
		err = fmt.Errorf("order %s: no secret", ref)
	}
	return err
}

func (n *node) cpu(tb testing.TB) time.Duration { tb.Helper(); return cpu(tb, n.cmd.Process.Pid) }

// cpu is the time that a host and its plugins have spent on processors, at the
// kernel's resolution of 10 ms.
func cpu(tb testing.TB, host int) time.Duration {
	tb.Helper()
	return cpuOf(tb, append(children(host), host)...)
}

func cpuOf(tb testing.TB, processes ...int) time.Duration {
	tb.Helper()
	var ticks int
	for _, pid := range processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			tb.Fatal(err)
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, i := range []int{11, 12} { // utime and stime, proc(5)
			t, err := strconv.Atoi(fields[i])
			if err != nil {
				tb.Fatal(err)
			}
			ticks += t
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func children(pid int) (found []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, l := range lists {
		text, _ := os.ReadFile(l)
		for _, f := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(f); err == nil {
				found = append(found, child)
				found = append(found, children(child)...)
			}
		}
	}
	return found
}
