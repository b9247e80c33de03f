package softtoken

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/milagro-dta/dta/plugins/pkcs11/token"
)

// Client is p11-kit's library for tokens behind a socket, where Debian and its kin put it.
const Client = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"

// Remote is a token behind p11-kit's server, which runs one process for each connection.
type Remote struct {
	Options token.Options // of the token, through p11-kit's client
	Env     []string      // what a process needs to reach it
	server  *exec.Cmd
}

// NewRemote makes a token that is reached through p11-kit. A process reaches one address only, so there is one at a time.
func NewRemote(t testing.TB) *Remote {
	t.Helper()
	client := Client
	if matches, _ := filepath.Glob("/usr/lib/*/pkcs11/p11-kit-client.so"); len(matches) > 0 {
		client = matches[0]
	}
	if _, err := os.Stat(client); err != nil {
		t.Fatalf("p11-kit is missing (%s): as root, run: apt-get install p11-kit p11-kit-modules", client)
	}
	o := New(t)
	socket := filepath.Join(filepath.Dir(tokens), "p11.sock")
	if err := os.RemoveAll(socket); err != nil {
		t.Fatal(err)
	}
	address := "P11_KIT_SERVER_ADDRESS=unix:path=" + socket
	r := &Remote{Options: o, Env: []string{address}}
	r.server = exec.Command("p11-kit", "server", "-f", "--provider", o.Module, "-n", socket, "pkcs11:token="+o.Label)
	r.server.Stderr = os.Stderr
	r.server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.server.Process.Kill()
		_ = r.server.Wait()
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("p11-kit's server does not listen")
		}
	}
	r.Options.Module = client
	// The client reads it when it is loaded, and never again.
	if name, value, _ := strings.Cut(address, "="); os.Setenv(name, value) != nil {
		t.Fatal("cannot set", name)
	}
	return r
}

// Kill kills the processes that serve connections, and returns how many there were. The server starts new ones for
// those who connect again.
func (r *Remote) Kill(t testing.TB) int {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", r.server.Process.Pid, r.server.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, child := range strings.Fields(string(children)) {
		var pid int
		if _, err := fmt.Sscan(child, &pid); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
			n++
		}
	}
	return n
}
