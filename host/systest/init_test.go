//go:build linux

package systest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/milagro-dta/dta/host/systest/rig"
)

// TestAMakingThatWasCutShortIsToldAlike kills dta init where its files appear. Every
// command says the same of what is left, and the remedy that they print leads to a
// node. Told to stop, dta init leaves nothing.
func TestAMakingThatWasCutShortIsToldAlike(t *testing.T) {
	const cut = "the making of a node was cut short, and nothing was acknowledged: remove what is in it, then run dta init again"
	n := rig.New(t, rig.Options{})
	n.Configure(fmt.Sprintf("node {\n  name     = \"acme\"\n  data_dir = \"./data\"\n  seal     = \"vault\"\n}\n"+
		"listener \"local\" {\n  address = %q\n  serves  = [\"principals\"]\n}\n"+
		"plugin \"softhsm-demo\" \"vault\" {\n  command = %q\n  config {\n    directory = \"./token\"\n  }\n}\n",
		n.Address, rig.Program(t, "dta-plugin-softhsm-demo")))
	data := n.Path("data")
	for _, at := range []struct {
		file   string
		signal syscall.Signal
	}{
		{"unfinished", syscall.SIGKILL}, {"node.db-wal", syscall.SIGKILL}, {"run", syscall.SIGKILL}, {"anchor", syscall.SIGKILL}, {"run", syscall.SIGTERM},
	} {
		t.Run(fmt.Sprintf("%s at %s", at.signal, at.file), func(t *testing.T) {
			emptied(t, data)
			emptied(t, n.Path("token"))
			code := initUntil(t, n, at.signal, filepath.Join(data, at.file))
			left, _ := os.ReadDir(data)
			switch {
			case code == 0: // it was faster
			case at.signal == syscall.SIGTERM:
				if len(left) > 0 {
					t.Errorf("told to stop: expected that nothing is left; found %v", left)
				}
				n.MustCommand("init")
			case len(left) == 0:
				n.MustCommand("init")
			default:
				if _, err := n.Command("identity", "show"); err != nil {
					for _, args := range [][]string{{"host"}, {"init"}, {"store", "verify"}, {"store", "accept-loss", "1"}} {
						if _, err := n.Command(args...); err == nil || !strings.Contains(err.Error(), cut) || !strings.Contains(err.Error(), "exit status 5") {
							t.Errorf("dta %s: expected exit code 5 and %q; found %v", strings.Join(args, " "), cut, err)
						}
					}
					emptied(t, data)
					n.MustCommand("init")
				}
			}
			n.MustCommand("identity", "show")
			if _, err := n.Command("init"); err == nil || !strings.Contains(err.Error(), "a node was made here already: run dta host") {
				t.Errorf("expected that a node is whole; found %v", err)
			}
		})
	}
}

// emptied removes what is in a directory, which may be missing.
func emptied(t *testing.T, dir string) {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

// initUntil runs dta init, sends it a signal once a file is there, and returns its
// exit code.
func initUntil(t *testing.T, n *rig.Node, signal syscall.Signal, file string) int {
	t.Helper()
	cmd := exec.Command(rig.Program(t, "dta"), "init", "--config", n.Config)
	cmd.Dir = n.Dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if _, err := os.Lstat(file); err == nil {
			_ = cmd.Process.Signal(signal)
			break
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("dta init: %v", err)
			}
			return 0
		default:
		}
	}
	err := <-ended
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}
