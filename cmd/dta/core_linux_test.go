package main_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// While a node is asked, a command has a secret in its memory, or awaits one.
func TestNoCommandLeavesACoreDump(t *testing.T) {
	program := filepath.Join(built(t), "dta")
	for _, args := range [][]string{
		{"order", "create", "--key"},
		{"order", "redeem", "00000000000000000000000000000000000000000000000000000000000000ff"},
		{"network", "list"},
	} {
		asked, looked := make(chan struct{}), make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(asked)
			<-looked
		}))
		cmd := exec.Command(program, append(args, "--url", s.URL)...)
		cmd.SysProcAttr = attributes()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatalf("%v: the node was not asked within %s", args, patience)
		}
		var core unix.Rlimit
		if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, nil, &core); err != nil || core.Max != 0 {
			t.Errorf("%v: expected core dumps to be off; found a limit of %d bytes, %v", args, core.Max, err)
		}
		close(looked)
		_ = cmd.Wait()
		s.Close()
	}
}
