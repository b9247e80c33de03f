package docs_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/milagro-dta/dta/host/systest/loopback"
)

// Time limits of one command.
const (
	commandTime    = 3 * time.Minute  // some build a program
	backgroundTime = 20 * time.Second // until a command that goes on has printed what the page shows
)

// session is a shell in a directory of its own, in which the commands of one
// page run one after the other.
type session struct {
	dir   string
	there *strings.Replacer // the pages' addresses by this session's
	back  *strings.Replacer
	shell *exec.Cmd
	in    io.WriteCloser
	codes *bufio.Scanner
	count int
}

// newSession starts a shell that finds the programs in bin. The directory holds
// a copy of the examples' configurations, and what the verifier reads.
func newSession(bin, root string) (_ *session, err error) {
	dir, err := os.MkdirTemp("", "dta-docs-")
	if err != nil {
		return nil, err
	}
	s := &session{dir: dir}
	if err := s.chooseAddresses(); err != nil {
		return nil, err
	}
	if err := s.copyExamples(root); err != nil {
		return nil, err
	}
	codes, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	s.codes = bufio.NewScanner(codes)
	s.shell = exec.Command("bash", "--noprofile", "--norc")
	s.shell.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DTA_") && !strings.HasPrefix(v, "PATH=") && !strings.HasPrefix(v, "TMPDIR=") {
			s.shell.Env = append(s.shell.Env, v)
		}
	}
	s.shell.Env = append(s.shell.Env, "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+dir, "NO_COLOR=1",
		"DTA_BIN="+bin, "DTA_SOURCE="+root, "DTA_URL="+s.there.Replace("http://127.0.0.1:5556"))
	s.shell.ExtraFiles = []*os.File{w}
	s.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.in, err = s.shell.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.shell.Start(); err != nil {
		return nil, fmt.Errorf("start bash: %w", err)
	}
	// The one target that pages call is the demo.
	_, err = fmt.Fprintf(s.in, "make() { [ \"$1\" = demo ] && (cd %q && go run ./examples/demo --bin %q --configs %q --networks %q); }\n",
		root, bin, filepath.Join(dir, "examples", "three-nodes"), filepath.Join(dir, "examples", "network"))
	return s, err
}

// chooseAddresses puts others in the place of those that the pages and examples
// name, so that pages can be tested beside whatever else runs.
func (s *session) chooseAddresses() error {
	var there, back []string
	for _, port := range []string{"5556", "5601", "5602", "5603", "5610", "5621", "5622", "5623", "5624"} {
		free, err := loopback.Address()
		if err != nil {
			return err
		}
		there = append(there, "127.0.0.1:"+port, free)
		back = append(back, free, "127.0.0.1:"+port)
	}
	s.there, s.back = strings.NewReplacer(there...), strings.NewReplacer(back...)
	return nil
}

func (s *session) copyExamples(root string) error {
	for _, pattern := range []string{"examples/*.hcl", "examples/three-nodes/*.hcl", "examples/network/*.hcl", "examples/verify/*.py", "protocol/testdata/order.json"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("expected files %s: %v", pattern, err)
		}
		for _, f := range files {
			name, err := filepath.Rel(root, f)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			if err := s.write(name, string(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) write(name, text string) error {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(s.there.Replace(text)), 0o600)
}

// run runs a command and compares what it prints with the lines that the page
// shows. It must succeed, unless it goes on in the background.
func (s *session) run(c command) error {
	s.count++
	out := filepath.Join(s.dir, fmt.Sprintf("output-%d", s.count))
	if _, err := fmt.Fprintf(s.in, "{ %s\n} > %q 2>&1 3>&- < /dev/null; echo $? >&3\n", s.there.Replace(c.text), out); err != nil {
		return fmt.Errorf("$ %s: the shell has ended: %w", c.text, err)
	}
	code, err := s.code()
	if err != nil {
		return fmt.Errorf("$ %s: %w; it printed:\n%s", c.text, err, s.printed(out))
	}
	deadline := time.Now()
	if strings.HasSuffix(c.text, "&") {
		deadline = deadline.Add(backgroundTime)
	}
	for {
		printed := s.printed(out)
		if code != "0" {
			return fmt.Errorf("$ %s: exit code %s; it printed:\n%s", c.text, code, printed)
		}
		missing := compare(c.shows, printed)
		if missing == "" {
			return nil
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("$ %s: the page shows the line\n%s\nthe command printed:\n%s", c.text, missing, printed)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *session) printed(file string) string {
	b, _ := os.ReadFile(file)
	return s.back.Replace(string(bytes.TrimRight(b, "\n")))
}

// code reads the exit code of the command last sent.
func (s *session) code() (string, error) {
	codes := make(chan string, 1)
	go func() {
		defer close(codes)
		if s.codes.Scan() {
			codes <- s.codes.Text()
		}
	}()
	select {
	case code, ok := <-codes:
		if !ok {
			return "", fmt.Errorf("it ended the shell")
		}
		return code, nil
	case <-time.After(commandTime):
		return "", fmt.Errorf("it did not end within %s", commandTime)
	}
}

// compare finds the lines shown among those printed, in their order, and returns
// the first that is not there. "…" stands for anything; other lines, such as a
// log's, may stand between.
func compare(shown []string, printed string) (missing string) {
	lines := strings.Split(printed, "\n")
	for _, want := range shown {
		if want = strings.TrimRight(want, " "); want == "" || want == "…" {
			continue
		}
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*") + "$")
		for len(lines) > 0 && !pattern.MatchString(strings.TrimRight(lines[0], " ")) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return want
		}
		lines = lines[1:]
	}
	return ""
}

// end stops what goes on in the background, and removes the directory.
func (s *session) end() error {
	defer os.RemoveAll(s.dir)
	fmt.Fprint(s.in, "kill $(jobs -p) 2>/dev/null; wait\nexit 0\n")
	s.in.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.shell.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		_ = syscall.Kill(-s.shell.Process.Pid, syscall.SIGKILL)
		<-done
		return fmt.Errorf("what runs in the background did not stop within 15 s")
	}
}
