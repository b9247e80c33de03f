package supervisor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/host/supervisor"
	"github.com/milagro-dta/dta/protocol/fault"
)

// copied is a program of its own for the test, in a directory of its own.
func copied(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a-plugin")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func digest(t *testing.T, path string) string {
	t.Helper()
	d, err := supervisor.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// another puts another program at the path, which works as well and has another digest.
func another(t *testing.T, path string) {
	t.Helper()
	program, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".new", append(program, "another"...), 0o755)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestAPluginKnowsItsOwnPlace: it runs from an open file, and is to notice nothing of it.
func TestAPluginKnowsItsOwnPlace(t *testing.T) {
	s := spec(t, "good")
	path := copied(t)
	s.Command = filepath.Join(t.TempDir(), "a-link")
	if err := os.Symlink(path, s.Command); err != nil {
		t.Fatal(err)
	}
	s.Args = []string{"an argument"}
	sup := ready(t, s, supervisor.Options{})
	got, err := tell(within(t, time.Minute), sup, "place")
	if want := fmt.Sprintf("%s %q", path, []string{s.Command, "an argument"}); err != nil || got != want {
		t.Errorf("expected %s; found %s, %v", want, got, err)
	}
	// What it runs from is not left open in it, nor anything else of the host's.
	files, err := tell(within(t, time.Minute), sup, "files")
	if err != nil || strings.Contains(files, path) {
		t.Errorf("expected no descriptor of the program; found %s, %v", files, err)
	}
	if left, _ := os.ReadDir(s.RuntimeDir); len(left) != 2 { // the directory of the socket, and its lock
		t.Errorf("expected nothing but the plugin's directory and lock; found %v", left)
	}
}

// TestAProgramOfAnotherUserIsNotRun, whether it is pinned or not.
func TestAProgramOfAnotherUserIsNotRun(t *testing.T) {
	if os.Geteuid() != 0 {
		// Package ownership looks at the same with the users exchanged.
		s := spec(t, "good")
		s.Command = copied(t)
		if err := os.Chmod(filepath.Dir(s.Command), 0o777); err != nil {
			t.Fatal(err)
		}
		refuses(t, s, "can be changed by others")
		return
	}
	for name, give := range map[string]func(string) string{
		"the program":       func(path string) string { return path },
		"its directory":     filepath.Dir,
		"a directory above": func(path string) string { return filepath.Dir(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(t, "good")
			s.Command = copied(t)
			s.SHA256 = digest(t, s.Command)
			if err := os.Chown(give(s.Command), 65534, 65534); err != nil {
				t.Fatal(err)
			}
			refuses(t, s, "belongs to user 65534")
			s.SHA256 = ""
			refuses(t, s, "belongs to user 65534")
			if _, err := supervisor.Digest(s.Command); fault.Of(err) != fault.Denied {
				t.Errorf("to pin it: expected denied; found %v", err)
			}
		})
	}
}

// refuses expects a start to be refused for good, before anything runs.
func refuses(t *testing.T, s supervisor.Spec, reason string) {
	t.Helper()
	sup := begin(t, s, quick)
	sup.Start(within(t, time.Minute))
	if st := sup.Status(); st.State != supervisor.Failed || st.Starts != 1 || !strings.Contains(st.Reason, reason) {
		t.Errorf("expected a failed plugin, because %q; found %+v", reason, st)
	}
	sup.Stop(within(t, time.Minute))
}

func TestAScriptIsNotRun(t *testing.T) {
	for text, reason := range map[string]string{
		"#!/bin/sh\nexec true\n": "is a script (#!): its interpreter would read the file again",
		"":                       "expected a compiled program",
		"PK\x03\x04":             "expected a compiled program",
	} {
		s := spec(t, "good")
		s.Command = filepath.Join(t.TempDir(), "plugin")
		if err := os.WriteFile(s.Command, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if text == "" || text[0] == 'P' {
			linuxOnly(t, s, reason)
			continue
		}
		refuses(t, s, reason)
	}
}
