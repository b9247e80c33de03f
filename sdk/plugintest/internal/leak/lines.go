package leak

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// maxColumns bounds how many are read of one text.
const maxColumns = 256

// column is what stands in several lines, with a line for each.
type column struct {
	text variant
	rows int
}

// prefix is what loggers write before the message: hclog, go-plugin, log and slog.
var prefix = regexp.MustCompile(`^(?:\d{4}[-/]\d\d[-/]\d\d[T ]\S+ +(?:\[[A-Z]+\] +(?:\S+: )?)?|time=\S+ level=\S+ )`)

// formal are the members of a line of JSON in which a logger says nothing of the program's.
var formal = map[string]bool{"@timestamp": true, "@level": true, "@module": true, "@caller": true, "time": true, "level": true}

// columns gives what a program wrote bit by bit, over several lines: of each kind of line the messages without what
// loggers put around them, and the values of each key, of each message, and at each place within a line.
func columns(v variant) (found []column) {
	all := map[string]*column{}
	add := func(value variant, name string, a ...any) {
		name = fmt.Sprintf(name, a...)
		c := all[name]
		if c == nil {
			if len(all) >= maxColumns {
				return
			}
			c = new(column)
			all[name] = c
		}
		if t := &c.text; len(t.b) > 0 {
			last := t.till[len(t.till)-1]
			t.put(last, last, '\n')
		}
		c.text.take(value, 0, len(value.b))
		c.rows++
	}
	for line := range v.split('\n') {
		kind, message, values := line.said()
		words := slices.Collect(message.split(' '))
		for i, w := range words {
			if name, _, ok := bytes.Cut(w.b, []byte("=")); ok && kind == "logged" {
				values = append(values, member{string(name), w.slice(len(name)+1, len(w.b))})
				continue
			}
			add(w, "%s, word %d of %d", kind, i, len(words))
		}
		add(message, "%s", kind)
		for _, m := range values {
			add(m.value, "%s, values", kind)
			add(m.value, "%s, key %s", kind, m.name)
			add(m.value, "%s, of %s", kind, message.b)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].rows > 1 {
			found = append(found, *all[name])
		}
	}
	return found
}

// said is a line without what loggers put around it: its message, and the values beside it.
func (v variant) said() (kind string, message variant, values []member) {
	kind, message = "text", v
	for p := prefix.Find(message.b); p != nil; p = prefix.Find(message.b) {
		kind, message = "logged", message.slice(len(p), len(message.b))
	}
	members, ok := message.members()
	if !ok {
		return kind, message, nil
	}
	kind, message = "json", variant{}
	for _, m := range members {
		switch {
		case formal[m.name]:
		case m.name == "@message" || m.name == "msg":
			message = m.value
		default:
			values = append(values, m)
		}
	}
	return kind, message, values
}

// unrepeated leaves out lines that say what an earlier one has said.
func (v variant) unrepeated() (out variant) {
	seen := map[string]bool{}
	for line := range v.split('\n') {
		_, message, values := line.said()
		said := string(message.b)
		for _, m := range values {
			said += "\x00" + m.name + "\x00" + string(m.value.b)
		}
		if seen[said] && len(said) > shortRow {
			continue
		}
		seen[said] = true
		out.take(line, 0, len(line.b))
		last := line.till[len(line.till)-1]
		out.put(last, last, '\n')
	}
	return out
}

// split gives the parts between bytes of a kind, without those that are empty.
func (v variant) split(at byte) func(func(variant) bool) {
	return func(yield func(variant) bool) {
		for start := 0; start < len(v.b); {
			n := bytes.IndexByte(v.b[start:], at)
			if n < 0 {
				n = len(v.b) - start
			}
			if n > 0 && !yield(v.slice(start, start+n)) {
				return
			}
			start += n + 1
		}
	}
}

type member struct {
	name  string
	value variant
}

// members reads a line of JSON, one object. A string's value is left escaped.
func (v variant) members() (all []member, ok bool) {
	b := bytes.TrimRight(v.b, "\r ")
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return nil, false
	}
	end := len(b) - 1
	for i := 1; i < end; {
		name := stringEnd(b, i)
		if name < 0 || name+1 >= end || b[name] != ':' {
			return all, len(all) > 0
		}
		start := name + 1
		stop, depth := start, 0
		for stop < end && (depth > 0 || b[stop] != ',') {
			switch b[stop] {
			case '"':
				n := stringEnd(b, stop)
				if n < 0 {
					return all, len(all) > 0
				}
				stop = n
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			stop++
		}
		m := member{string(b[i+1 : name-1]), v.slice(start, stop)}
		if b[start] == '"' {
			m.value = v.slice(start+1, stop-1)
		}
		all, i = append(all, m), stop+1
	}
	return all, len(all) > 0
}

// stringEnd gives where the string ends that begins at i; -1 if none does.
func stringEnd(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
