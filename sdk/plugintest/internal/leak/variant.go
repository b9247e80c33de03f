package leak

import (
	"strconv"
	"unicode/utf8"
)

// variant is a reading of a text: bytes, and where in the original each stands.
type variant struct {
	b  []byte
	at []int
}

func plain(text []byte) variant {
	v := variant{b: text, at: make([]int, len(text))}
	for i := range text {
		v.at[i] = i
	}
	return v
}

var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\', '"': '"', '\'': '\'', '/': '/', '0': 0}

// readings gives a text as it is, without one and two levels of quoting, and without that of URLs.
func readings(text []byte) []variant {
	all := []variant{plain(text)}
	for v := all[0]; len(all) < 3; { // a quoted string in a line of JSON is escaped twice
		next, changed := v.unescaped()
		if !changed {
			break
		}
		all, v = append(all, next), next
	}
	if next, changed := all[0].unquotedURL(); changed {
		all = append(all, next)
	}
	return all
}

// unquotedURL reads what URLs write with per cents.
func (v variant) unquotedURL() (out variant, changed bool) {
	for i := 0; i < len(v.b); i++ {
		b, at := v.b[i], v.at[i]
		if b == '%' && i+2 < len(v.b) {
			if n, err := strconv.ParseUint(string(v.b[i+1:i+3]), 16, 8); err == nil {
				b, i, changed = byte(n), i+2, true
			}
		}
		out.b, out.at = append(out.b, b), append(out.at, at)
	}
	return out, changed
}

// unescaped reads what Go, JSON, C and Python write with backslashes.
func (v variant) unescaped() (variant, bool) {
	var out variant
	changed := false
	put := func(i int, b ...byte) {
		for _, x := range b {
			out.b, out.at = append(out.b, x), append(out.at, v.at[i])
		}
	}
	for i := 0; i < len(v.b); i++ {
		b, rest := v.b[i], v.b[i+1:]
		switch {
		case b != '\\' || len(rest) == 0:
		case rest[0] == 'x' && len(rest) >= 3:
			if n, err := strconv.ParseUint(string(rest[1:3]), 16, 8); err == nil {
				put(i, byte(n))
				i, changed = i+3, true
				continue
			}
		case rest[0] == 'u' && len(rest) >= 5:
			if n, err := strconv.ParseUint(string(rest[1:5]), 16, 16); err == nil {
				put(i, utf8.AppendRune(nil, rune(n))...)
				i, changed = i+5, true
				continue
			}
		case rest[0] == 'U' && len(rest) >= 9:
			if n, err := strconv.ParseUint(string(rest[1:9]), 16, 32); err == nil {
				put(i, utf8.AppendRune(nil, rune(n))...)
				i, changed = i+9, true
				continue
			}
		case len(rest) >= 3 && rest[0] >= '0' && rest[0] <= '3':
			if n, err := strconv.ParseUint(string(rest[:3]), 8, 8); err == nil {
				put(i, byte(n))
				i, changed = i+3, true
				continue
			}
			fallthrough
		default:
			if c, ok := escapes[rest[0]]; ok {
				put(i, c)
				i, changed = i+1, true
				continue
			}
		}
		put(i, b)
	}
	return out, changed
}

// latin1 reads a string of runes below 256, one for each byte, as JavaScript writes binary data.
func (f *finder) latin1(v variant) {
	s := &stream{form: "as text of Latin-1"}
	wide := false
	flush := func() {
		if wide {
			f.windows(s)
		}
		s, wide = &stream{form: s.form}, false
	}
	for i := 0; i < len(v.b); {
		r, n := utf8.DecodeRune(v.b[i:])
		if r == utf8.RuneError || r > 0xff {
			flush()
		} else {
			wide = wide || n > 1
			s.add(byte(r), v.at[i], v.end(i+n-1))
		}
		i += n
	}
	flush()
}

// Mangled tells whether text holds a string of bytes that were none of text and have been replaced, as a key looks
// that was logged as a string: then nobody can tell any more what it was.
func Mangled(text []byte) (at int, found bool) {
	v, _ := plain(text).unescaped()
	var last []int // where the latest of them stand, in runes
	runes := 0
	for i := 0; i < len(v.b); runes++ {
		r, n := utf8.DecodeRune(v.b[i:])
		if r == utf8.RuneError && n > 1 {
			if last = append(last, runes); len(last) >= mangled && runes-last[len(last)-mangled] < Size {
				return v.at[i], true
			}
		}
		i += n
	}
	return 0, false
}

// mangled is how many of 32 runes must have been replaced. Of a key about half are.
const mangled = 6

// end says where in the original what stands at i ends.
func (v variant) end(i int) int {
	if i+1 < len(v.at) {
		return v.at[i+1]
	}
	return v.at[i] + 1
}
