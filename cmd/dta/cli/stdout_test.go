package cli

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestNoCommandSucceedsWithoutItsOutput: help is tried here, the rest by a story
// that has a node. A new command fails until the story tries it.
func TestNoCommandSucceedsWithoutItsOutput(t *testing.T) {
	story, err := os.ReadFile("../testdata/unwritable.txt")
	if err != nil {
		t.Fatal(err)
	}
	// Daemons go on where nobody reads them, one prints nothing, and in the story nothing
	// is known against a peer and no node is copied.
	others := []string{"dta host", "dta mpin server", "dta plugin restart", "dta audit evidence", "dta plugin take-over"}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	tried := func(path string) bool {
		return regexp.MustCompile(`(?m)^exits 1 sh full ` + path + `( |$)`).Match(story)
	}
	fails := func(args ...string) {
		t.Helper()
		var said bytes.Buffer
		code := run(t.Context(), args, strings.NewReader(""), full, &said)
		if code != ExitInternal || said.String() != "dta: write /dev/full: no space left on device\n" {
			t.Errorf("%v: expected an error; found %d, %q", args, code, said.String())
		}
	}
	var each func(*cobra.Command)
	each = func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		fails(append(path, "--help")...)
		fails(append([]string{"help"}, path...)...)
		if !c.HasSubCommands() && !slices.Contains(others, c.CommandPath()) && !tried(c.CommandPath()) {
			t.Errorf("%s: expected unwritable.txt to try it", c.CommandPath())
		}
		for _, under := range c.Commands() {
			each(under)
		}
	}
	each((&app{}).root())
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		fails("completion", shell)
	}
	fails()
	fails("--version")
}

// An interrupted command says what it has done all the same.
func TestAnInterruptedCommandThatCannotWriteSaysWhatItDid(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	url := node(t, 200, "application/json", `{"orderReference":"`+ref+`","state":"accepted"}`)
	var said bytes.Buffer
	code := run(ctx, []string{"order", "create", "--key", "--url", url}, strings.NewReader(""), interrupted{interrupt}, &said)
	if want := "dta: order " + ref + " was placed, but: " + os.ErrClosed.Error() + "\n"; code != ExitInternal || said.String() != want {
		t.Errorf("expected %q; found %d, %q", want, code, said.String())
	}
}

// interrupted is an output at which the command is interrupted, and that fails.
type interrupted struct{ interrupt func() }

func (i interrupted) Write([]byte) (int, error) {
	i.interrupt()
	return 0, os.ErrClosed
}
