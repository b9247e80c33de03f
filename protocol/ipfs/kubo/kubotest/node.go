package kubotest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTime is how long a node may take until it answers.
const startTime = 60 * time.Second

// Node is one Kubo node. Its addresses stay the same when it is stopped and
// started again.
type Node struct {
	Name    string
	API     string // http://127.0.0.1:port, known after the first start
	Gateway string

	dir, binary string
	swarm       *Swarm
	id          string   // peer id
	addresses   []string // multiaddresses, with the peer id
	running     *exec.Cmd
	exited      chan struct{}
	log         bytes.Buffer // of the run that is under way; read after exited
}

// Start runs the node and connects it to those of its swarm that run.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	if n.running != nil {
		t.Fatalf("%s runs already", n.Name)
	}
	first := n.API == ""
	n.log.Reset()
	os.Remove(filepath.Join(n.dir, "api"))
	cmd := n.command("daemon", "--enable-gc=false")
	cmd.Stdout, cmd.Stderr = &n.log, &n.log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", n.Name, err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	n.running, n.exited = cmd, exited
	t.Cleanup(func() { n.Stop(t) })

	deadline := time.Now().Add(startTime)
	for n.identify() != nil {
		select {
		case <-exited:
			t.Fatalf("%s ended while it started:\n%s", n.Name, n.log.Bytes())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			n.Kill(t)
			t.Fatalf("%s did not answer within %s:\n%s", n.Name, startTime, n.log.Bytes())
		}
	}
	if first {
		n.keepAddresses(t)
	}
	for _, other := range n.swarm.Nodes {
		if other != n && other.running != nil {
			n.Run(t, "swarm", "connect", other.addresses[0])
		}
	}
}

// Stop ends the node as its operator does, and waits until it is gone. A node
// that is stopped already stays so.
func (n *Node) Stop(t testing.TB) { n.end(t, syscall.SIGTERM) }

// Kill ends the node as a crash does.
func (n *Node) Kill(t testing.TB) { n.end(t, syscall.SIGKILL) }

func (n *Node) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if n.running == nil {
		return
	}
	process := n.running.Process
	n.running = nil
	process.Signal(signal)
	select {
	case <-n.exited:
	case <-time.After(startTime):
		process.Kill()
		<-n.exited
		t.Errorf("%s did not end within %s", n.Name, startTime)
	}
}

// Run runs the ipfs command on this node and returns what it prints.
func (n *Node) Run(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := n.TryRun(args...)
	if err != nil {
		t.Fatalf("%s: ipfs %s: %v", n.Name, strings.Join(args, " "), err)
	}
	return out
}

// TryRun is Run for a command that may fail.
func (n *Node) TryRun(args ...string) ([]byte, error) {
	cmd := n.command(args...)
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(text.Bytes()))
	}
	return out.Bytes(), nil
}

func (n *Node) command(args ...string) *exec.Cmd {
	cmd := exec.Command(n.binary, args...)
	cmd.Dir = n.dir
	cmd.Env = []string{
		"IPFS_PATH=" + n.dir, "HOME=" + n.dir, "PATH=" + os.Getenv("PATH"),
		"IPFS_TELEMETRY=off", "LIBP2P_FORCE_PNET=1",
	}
	cmd.SysProcAttr = attributes()
	return cmd
}

// identify asks the node for its addresses.
func (n *Node) identify() error {
	api, err := os.ReadFile(filepath.Join(n.dir, "api"))
	if err != nil {
		return err
	}
	address, err := httpAddress(string(api))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/api/v0/id", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var said struct {
		ID        string
		Addresses []string
	}
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return err
	}
	if len(said.Addresses) == 0 {
		return fmt.Errorf("%s listens nowhere yet", n.Name)
	}
	gateway, err := os.ReadFile(filepath.Join(n.dir, "gateway"))
	if err != nil {
		return err
	}
	n.API, n.Gateway = address, strings.TrimSuffix(strings.TrimSpace(string(gateway)), "/")
	n.id, n.addresses = said.ID, said.Addresses
	return nil
}

// keepAddresses writes the ports that the node was given into its configuration.
func (n *Node) keepAddresses(t testing.TB) {
	t.Helper()
	for _, a := range n.addresses {
		if !strings.HasPrefix(a, "/ip4/127.0.0.1/") {
			t.Fatalf("%s listens beyond loopback: %v", n.Name, n.addresses)
		}
	}
	listen, _, _ := strings.Cut(n.addresses[0], "/p2p/")
	n.configure(t, map[string]any{"Addresses": map[string]any{
		"Swarm":   []string{listen},
		"API":     multiaddress(n.API),
		"Gateway": multiaddress(n.Gateway),
	}})
}

// httpAddress turns /ip4/127.0.0.1/tcp/5001 into http://127.0.0.1:5001.
func httpAddress(multi string) (string, error) {
	parts := strings.Split(strings.TrimSpace(multi), "/")
	if len(parts) != 5 || parts[1] != "ip4" || parts[3] != "tcp" {
		return "", fmt.Errorf("expected /ip4/…/tcp/…, found %q", multi)
	}
	return "http://" + net.JoinHostPort(parts[2], parts[4]), nil
}

func multiaddress(address string) string {
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	return "/ip4/" + host + "/tcp/" + port
}
