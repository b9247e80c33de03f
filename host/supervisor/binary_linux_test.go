package supervisor_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
)

func linuxOnly(t *testing.T, s supervisor.Spec, reason string) { refuses(t, s, reason) }

// TestTheProgramThatWasHashedRuns, although another takes its place as soon as the host begins to read it.
func TestTheProgramThatWasHashedRuns(t *testing.T) {
	s := spec(t, "good")
	s.Command = copied(t)
	s.SHA256 = digest(t, s.Command)
	exchanged := whenRead(t, s.Command, func() { another(t, s.Command) })
	sup := ready(t, s, supervisor.Options{})
	<-exchanged
	if now := digest(t, s.Command); now == s.SHA256 {
		t.Fatal("the program was not exchanged")
	}
	st := sup.Status()
	running, err := os.ReadFile(fmt.Sprintf("/proc/%d/exe", st.PID))
	if runs := fmt.Sprintf("%x", sha256.Sum256(running)); err != nil || runs != s.SHA256 || st.SHA256 != s.SHA256 {
		t.Errorf("expected %s to run; found %s, and %s in the status", s.SHA256, runs, st.SHA256)
	}
	// The next start finds the other one.
	if err := sup.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other program is refused", func() bool {
		st := sup.Status()
		return st.State == supervisor.Failed && strings.Contains(st.Reason, "is not the pinned program")
	})
}

// whenRead calls a function once somebody reads the file.
func whenRead(t *testing.T, path string, do func()) (done chan struct{}) {
	t.Helper()
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(watch, path, unix.IN_ACCESS|unix.IN_CLOSE_NOWRITE)
	}
	if err != nil {
		t.Fatal(err)
	}
	done = make(chan struct{})
	go func() {
		defer close(done)
		defer unix.Close(watch)
		if _, err := unix.Read(watch, make([]byte, 4096)); err == nil {
			do()
		}
	}()
	return done
}

// TestAProgramThatIsBeingWrittenIsNotRunUntilItIsWhole, also when the writer opened it while it was still his.
func TestAProgramThatIsBeingWrittenIsNotRunUntilItIsWhole(t *testing.T) {
	s := spec(t, "good")
	s.Command = copied(t)
	writer, err := os.OpenFile(s.Command, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.Digest(s.Command); fault.Of(err) != fault.Busy {
		t.Errorf("expected busy; found %v", err)
	}
	sup := begin(t, s, quick)
	go sup.Start(within(t, time.Minute))
	eventually(t, "a start that fails", func() bool { return strings.Contains(sup.Status().Reason, "is open for writing") })
	writer.Close()
	if err := sup.Ready(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
}

func TestAPluginHasItsOwnNameAmongTheProcesses(t *testing.T) {
	s := spec(t, "good")
	s.Command = copied(t)
	sup := ready(t, s, supervisor.Options{})
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", sup.Status().PID))
	if err != nil || string(name) != "a-plugin\n" {
		t.Errorf("expected a-plugin; found %q, %v", name, err)
	}
}
