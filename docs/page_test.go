package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// step is a block of a page that does something: a file to be written, or
// commands with what they print.
type step struct {
	line     int
	file     string // name, or ""
	text     string // the file's
	commands []command
}

type command struct {
	line  int
	text  string
	shows []string
}

// Languages of blocks. Commands stand in console blocks only, where they are
// run; none can hide in another.
var languages = []string{"console", "go", "hcl", "ini", "json", "mermaid", "text", "http"}

// readPage finds the blocks of a page:
//
//	```console            commands after "$ ", continued after "> ", and what they print
//	```hcl file=node.hcl  a file, of any language
func readPage(path string) (steps []step, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var block []string
	start, info := 0, ""
	for i, line := range strings.Split(string(text), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && start == 0:
			start, info, block = i+1, fence, nil
		case isFence:
			s, err := readBlock(start, info, block)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", filepath.Base(path), start, err)
			}
			if s.file != "" || s.commands != nil {
				steps = append(steps, s)
			}
			start = 0
		case start != 0:
			block = append(block, line)
		}
	}
	if start != 0 {
		return nil, fmt.Errorf("%s:%d: the block does not end", filepath.Base(path), start)
	}
	return steps, nil
}

func readBlock(line int, info string, block []string) (step, error) {
	s := step{line: line}
	words := strings.Fields(info)
	if len(words) == 0 || !slices.Contains(languages, words[0]) {
		return s, fmt.Errorf("expected a block of %q, found %q", languages, info)
	}
	for _, w := range words[1:] {
		name, ok := strings.CutPrefix(w, "file=")
		if !ok || !filepath.IsLocal(name) {
			return s, fmt.Errorf("expected file=NAME, found %q", w)
		}
		s.file, s.text = name, strings.Join(block, "\n")+"\n"
	}
	if words[0] != "console" {
		return s, nil
	}
	for i, l := range block {
		if text, ok := strings.CutPrefix(l, "$ "); ok {
			s.commands = append(s.commands, command{line: line + i + 1, text: text})
			continue
		}
		if len(s.commands) == 0 {
			return s, fmt.Errorf("expected the block to begin with a command after \"$ \", found %q", l)
		}
		last := &s.commands[len(s.commands)-1]
		if text, ok := strings.CutPrefix(l, "> "); ok && len(last.shows) == 0 {
			last.text += "\n" + text
			continue
		}
		last.shows = append(last.shows, l)
	}
	return s, nil
}

// follow does what a page says, in one session.
func follow(path, bin, root string) (err error) {
	steps, err := readPage(path)
	if err != nil {
		return err
	}
	s, err := newSession(bin, root)
	if err != nil {
		return err
	}
	defer func() {
		if ended := s.end(); err == nil {
			err = ended
		}
	}()
	for _, step := range steps {
		if step.file != "" {
			if err := s.write(step.file, step.text); err != nil {
				return err
			}
		}
		for _, c := range step.commands {
			if err := s.run(c); err != nil {
				return fmt.Errorf("%s:%d: %w", filepath.Base(path), c.line, err)
			}
		}
	}
	return nil
}
