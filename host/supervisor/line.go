package supervisor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
)

const (
	// maxLine bounds a line in bytes; the rest of a longer one is thrown away.
	maxLine = 8 << 10
	// maxPairs bounds the key/value pairs taken from a line.
	maxPairs = 32
	// maxKept bounds a line kept for Status, in bytes.
	maxKept = 512
)

// entry is what a plugin said in one line of its standard error.
type entry struct {
	level   hclog.Level
	message string
	pairs   []any // key, value, key, value: strings
}

// parseLine understands hclog's JSON ({"@level", "@message", …}) and takes anything else as text. It accepts every
// input; what it returns is printable.
func parseLine(line []byte) entry {
	var fields map[string]json.RawMessage
	if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &fields) != nil {
		text := clean(string(line))
		return entry{level: levelOfText(text), message: text}
	}
	e := entry{level: hclog.LevelFromString(valueText(fields["@level"])), message: valueText(fields["@message"])}
	if e.level == hclog.NoLevel || e.level == hclog.Off {
		e.level = hclog.Debug
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch name {
		case "@level", "@message", "@timestamp":
			continue
		}
		if len(e.pairs) == 2*maxPairs {
			break
		}
		e.pairs = append(e.pairs, clean(strings.TrimPrefix(name, "@")), valueText(fields[name]))
	}
	return e
}

// String is the entry as Status shows it.
func (e entry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.level, e.message)
	for i := 0; i+1 < len(e.pairs) && b.Len() < maxKept; i += 2 {
		fmt.Fprintf(&b, " %s=%s", e.pairs[i], e.pairs[i+1])
	}
	return clip(b.String(), maxKept)
}

func valueText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		s = string(raw)
	}
	return clean(s)
}

func levelOfText(text string) hclog.Level {
	for level, prefix := range map[hclog.Level]string{
		hclog.Trace: "[TRACE]", hclog.Info: "[INFO]", hclog.Warn: "[WARN]", hclog.Error: "[ERROR]",
	} {
		if strings.HasPrefix(text, prefix) {
			return level
		}
	}
	if isPanic(text) {
		return hclog.Error
	}
	return hclog.Debug
}

// isPanic recognises the line with which a Go program begins to die.
func isPanic(text string) bool {
	return strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")
}

// clean replaces whatever could fool a terminal or the reader of a log.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '\uFFFD'
		}
		return r
	}, strings.TrimRight(s, "\r\n"))
	return s
}

// clip cuts s to at most n bytes and a sign that it was cut.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
