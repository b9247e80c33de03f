package sdk_test

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/milagro-dta/dta/sdk/contract"
)

// asParent makes this program one that starts a plugin, tells its pid, and waits to be killed.
const asParent = "SDK_TEST_PARENT"

func parent() {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{contract.Handshake.MagicCookieKey + "=" + contract.Handshake.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1"}
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		os.Exit(1)
	}
	line := make([]byte, 1024)
	n, _ := out.Read(line) // the handshake: the plugin serves
	os.Stdout.WriteString(strconv.Itoa(cmd.Process.Pid) + " " + string(line[:n]))
	select {}
}

func TestAPluginEndsWhenItsHostIsGone(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asParent+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	for buf := make([]byte, 1024); !bytes.Contains(said, []byte("|")); {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("the parent said %q: %v", said, err)
		}
		said = append(said, buf[:n]...)
	}
	pid, err := strconv.Atoi(strings.Fields(string(said))[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, func() bool { return gone(pid) })
}

// gone says that a process has ended; a zombie that its new parent did not reap counts.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}
