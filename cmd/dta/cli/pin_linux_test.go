package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminals stay open: a question that was interrupted is read from until the
// process ends, as it does when a person interrupts it.
var terminals []*os.File

// terminal makes a pseudo terminal: what is written to keyboard is typed at tty,
// and what tty shows can be read from keyboard.
func terminal(t *testing.T) (keyboard, tty *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	terminals = append(terminals, keyboard, tty)
	return keyboard, tty
}

// echoes tells whether a terminal shows what is typed.
func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// awaitSilence waits until the terminal shows nothing any more.
func awaitSilence(t *testing.T, tty *os.File) {
	t.Helper()
	for echoes(t, tty) {
		if t.Context().Err() != nil {
			t.Fatal("the terminal still shows what is typed")
		}
		time.Sleep(time.Millisecond)
	}
}

// typist types a line each time that something is asked for, once the terminal does
// not show it.
type typist struct {
	t             *testing.T
	keyboard, tty *os.File
	lines         []string
	said          strings.Builder
	typing        sync.WaitGroup
}

func (y *typist) Write(text []byte) (int, error) {
	if strings.HasSuffix(string(text), ": ") && len(y.lines) > 0 {
		line := y.lines[0]
		y.lines = y.lines[1:]
		y.typing.Go(func() {
			awaitSilence(y.t, y.tty)
			io.WriteString(y.keyboard, line)
		})
	}
	return y.said.Write(text)
}

func TestAPINIsAskedForWithoutShowingIt(t *testing.T) {
	keyboard, tty := terminal(t)
	if !term.IsTerminal(int(tty.Fd())) || !echoes(t, tty) {
		t.Fatal("expected a terminal that shows what is typed")
	}
	y := &typist{t: t, keyboard: keyboard, tty: tty, lines: []string{"4821\n", "4821\n"}}
	defer y.typing.Wait()
	pin, err := pins{a: &app{in: tty, err: y}}.chosen(t.Context(), "Choose a PIN: ")
	if err != nil || pin != 4821 {
		t.Fatalf("found %d, %v", pin, err)
	}
	if !echoes(t, tty) {
		t.Error("the terminal was left silent")
	}
	if y.said.String() != "Choose a PIN: \nOnce more: \n" {
		t.Errorf("found %q", y.said.String())
	}
	io.WriteString(tty, "end")
	shown := make([]byte, 256)
	n, err := keyboard.Read(shown)
	if err != nil || strings.ContainsAny(string(shown[:n]), "0123456789") {
		t.Errorf("the terminal shows %q, %v", shown[:n], err)
	}
}

func TestAnInterruptedQuestionLeavesTheTerminalAsItWas(t *testing.T) {
	_, tty := terminal(t)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		awaitSilence(t, tty)
		interrupt()
	}()
	if _, err := (pins{a: &app{in: tty, err: io.Discard}}).known(ctx, "PIN: "); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
	if !echoes(t, tty) {
		t.Error("the terminal was left silent")
	}
}

func TestAMistypedNewPINIsNoPIN(t *testing.T) {
	keyboard, tty := terminal(t)
	y := &typist{t: t, keyboard: keyboard, tty: tty, lines: []string{"4821\n", "4822\n"}}
	defer y.typing.Wait()
	if _, err := (pins{a: &app{in: tty, err: y}}).chosen(t.Context(), "PIN: "); err == nil || !strings.Contains(err.Error(), "not the same") {
		t.Errorf("found %v", err)
	}
}
