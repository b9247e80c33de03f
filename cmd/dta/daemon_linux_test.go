package main_test

import (
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

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/cmd/dta/authn/authntest"
	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/host/systest/loopback"
)

// daemonConfig is of a node whose configuration has a warning.
const daemonConfig = `node {
  name                = "acme"
  data_dir            = "./data"
  identity_kept_plain = true
}

listener "local" {
  address = %q
  serves  = ["principals", "nodes"]
}

plugin "softhsm-demo" "vault" {
  command    = %q
  self_enrol = true

  config {
    directory = "./hsm"
  }
}

fiduciary {
  custody    = ["vault"]
  principals = ["self"]
}
`

// daemon is a program that serves until it is told to stop.
type daemon struct {
	*testing.T
	bin, dir, url string
	node          bool // or else a login server
	cmd           *exec.Cmd
}

// nodeDaemon is a node that was not started yet.
func nodeDaemon(t *testing.T) *daemon {
	d := &daemon{T: t, bin: built(t), dir: t.TempDir(), node: true}
	at, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	d.url = "http://" + at
	config := filepath.Join(d.dir, "node.hcl")
	if err := os.WriteFile(config, fmt.Appendf(nil, daemonConfig, at, filepath.Join(d.bin, "dta-plugin-softhsm-demo")), 0o600); err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(filepath.Join(d.bin, "dta"), "host", "--create", "--config", config)
	return d
}

// loginDaemon is a login server that was not started yet.
func loginDaemon(t *testing.T) *daemon {
	d := &daemon{T: t, bin: built(t), dir: t.TempDir()}
	at, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	d.url = "http://" + at
	secret := filepath.Join(d.dir, "door.secret")
	place, err := newfile.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Discard()
	if err := place.Write(authntest.New(t, mpin.V1, "shop", false).Server("door").Text()); err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(filepath.Join(d.bin, "dta"), "mpin", "server", "--secret", secret, "--state", filepath.Join(d.dir, "state"), "--create", "--listen", at)
	return d
}

func (d *daemon) start() {
	d.Helper()
	d.cmd.Dir = d.dir
	if d.cmd.SysProcAttr == nil {
		d.cmd.SysProcAttr = attributes()
	}
	if err := d.cmd.Start(); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill()
			_ = d.cmd.Wait()
		}
	})
}

// await waits until something holds.
func (d *daemon) await(what string, holds func() bool) {
	d.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("%s: it did not come to that within %s", what, patience)
		}
	}
}

// serves waits until the daemon answers; it must not have ended.
func (d *daemon) serves() {
	d.Helper()
	d.await("it answers", func() bool {
		res, err := http.Get(d.url)
		if err != nil {
			var status unix.WaitStatus
			if pid, _ := unix.Wait4(d.cmd.Process.Pid, &status, unix.WNOHANG, nil); pid > 0 {
				d.Fatalf("it ended: %d, signal %v", status.ExitStatus(), status.Signal())
			}
			return false
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.Body.Close() == nil
	})
}

// works has a node keep a key, and makes the host and its plugin write to their
// logs.
func (d *daemon) works() {
	d.Helper()
	d.serves()
	if !d.node {
		return
	}
	d.await("an order is placed", func() bool {
		return exec.Command(filepath.Join(d.bin, "dta"), "order", "create", "--key", "--url", d.url).Run() == nil
	})
}

// processes are the daemon's and those that it has started.
func (d *daemon) processes() []int {
	d.Helper()
	pids := []int{d.cmd.Process.Pid}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[0]))
	if err != nil {
		d.Fatal(err)
	}
	for _, path := range tasks {
		text, _ := os.ReadFile(path) // a thread may have ended
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				d.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// hangUp sends SIGHUP to the daemon and to what it has started, none of which ends.
func (d *daemon) hangUp() {
	d.Helper()
	before := d.processes()
	for _, pid := range before {
		if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
			d.Errorf("process %d: %v", pid, err)
		}
	}
	d.works()
	if after := d.processes(); !cmp.Equal(before, after) {
		d.Errorf("expected processes %v; found %v", before, after)
	}
}

// ends stops the daemon, which must end well.
func (d *daemon) ends() {
	d.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.Errorf("expected it to end well; found %v", err)
	}
}

// daemons runs a test of both, side by side.
func daemons(t *testing.T, test func(*daemon)) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) *daemon{"host": nodeDaemon, "mpin server": loginDaemon} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(make(t)) })
	}
}

// The daemon leads the session of a terminal that is closed.
func TestADaemonOutlivesItsTerminal(t *testing.T) {
	daemons(t, func(d *daemon) {
		terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			d.Fatal(err)
		}
		defer terminal.Close()
		n, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
		if err == nil {
			err = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0)
		}
		if err != nil {
			d.Fatal(err)
		}
		tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			d.Fatal(err)
		}
		d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = tty, tty, tty
		d.cmd.SysProcAttr = attributes()
		d.cmd.SysProcAttr.Setsid, d.cmd.SysProcAttr.Setctty = true, true
		d.start()
		tty.Close()
		d.shows(terminal, " ready on ")
		d.works()
		d.hangUp()
		d.shows(terminal, "SIGHUP ignored")
		terminal.Close()
		d.works()
		d.hangUp()
		d.ends()
	})
}

// The readers of its output go while it starts, and it is hung up.
func TestADaemonOutlivesItsReaders(t *testing.T) {
	daemons(t, func(d *daemon) {
		out, err := d.cmd.StdoutPipe()
		if err != nil {
			d.Fatal(err)
		}
		said, err := d.cmd.StderrPipe()
		if err != nil {
			d.Fatal(err)
		}
		d.start()
		if d.node {
			d.shows(said, "Identity kept plain")
			if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				d.Fatal(err)
			}
		}
		out.Close()
		said.Close()
		d.works()
		d.hangUp()
		d.ends()
	})
}

// Neither the line that says that it is ready, nor a warning, nor the log can be
// written.
func TestADaemonServesWhereItCanWriteNothing(t *testing.T) {
	daemons(t, func(d *daemon) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			d.Fatal(err)
		}
		defer full.Close()
		d.cmd.Stdout, d.cmd.Stderr = full, full
		d.start()
		d.works()
		d.hangUp()
		d.ends()
	})
}

func TestADaemonServesWithNoOutputAtAll(t *testing.T) {
	daemons(t, func(d *daemon) {
		d.cmd.Args = append([]string{"sh", "-c", `exec "$@" <&- >&- 2>&-`, "sh", d.cmd.Path}, d.cmd.Args[1:]...)
		sh, err := exec.LookPath("sh")
		if err != nil {
			d.Fatal(err)
		}
		d.cmd.Path = sh
		d.start()
		d.works()
		d.hangUp()
		d.ends()
	})
}

// shows reads what the daemon prints until it has printed a text.
func (d *daemon) shows(from io.Reader, text string) {
	d.Helper()
	found := make(chan bool, 1)
	go func() {
		var all []byte
		part := make([]byte, 1<<10)
		for !strings.Contains(string(all), text) {
			n, err := from.Read(part)
			if err != nil {
				found <- false
				return
			}
			all = append(all, part[:n]...)
		}
		found <- true
	}()
	select {
	case ok := <-found:
		if !ok {
			d.Fatalf("it ended without %q", text)
		}
	case <-time.After(patience):
		d.Fatalf("%q: it did not come to that within %s", text, patience)
	}
}
