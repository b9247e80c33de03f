package leak

import (
	"bytes"
	"html"
	"slices"
	"strconv"
	"unicode/utf8"
)

// rewritings are ways of writing a text in other text, byte for byte or nearly so. Each gives the text itself, and
// whether that is another.
var rewritings = []func(variant) (variant, bool){
	variant.unquotedURL, variant.unquotedMail, variant.unquotedHTML, variant.withoutZeros, variant.withoutSpace,
}

// disguises are those that nobody needs to write a text: they are tried only where keys are known.
var disguises = []func(variant) (variant, bool){variant.backwards, variant.rotated, variant.inOtherCase}

// readings gives a text as it is, without one and two levels of quoting, and what each of these was before it was
// rewritten.
func readings(v variant, ways ...func(variant) (variant, bool)) []variant {
	all := []variant{v}
	for v := v; len(all) < 3; { // a quoted string in a line of JSON is escaped twice
		next, changed := v.unescaped()
		if !changed {
			break
		}
		all, v = append(all, next), next
	}
	for _, base := range slices.Clone(all) {
		for _, rewrite := range ways {
			if next, changed := rewrite(base); changed && len(next.b) > 0 {
				all = append(all, next)
			}
		}
	}
	return all
}

// unquotedURL reads what URLs write with per cents.
func (v variant) unquotedURL() (variant, bool) { return v.unquoted('%') }

// unquotedMail reads quoted-printable: equals signs, and lines that they break.
func (v variant) unquotedMail() (variant, bool) { return v.unquoted('=') }

func (v variant) unquoted(mark byte) (out variant, changed bool) {
	for i := 0; i < len(v.b); i++ {
		if rest := v.b[i:]; rest[0] == mark && len(rest) > 2 {
			if n, err := strconv.ParseUint(string(rest[1:3]), 16, 8); err == nil {
				out.put(v.at[i], v.till[i+2], byte(n))
				i, changed = i+2, true
				continue
			}
			if mark == '=' && rest[1] == '\n' {
				i, changed = i+1, true
				continue
			}
			if mark == '=' && rest[1] == '\r' && rest[2] == '\n' {
				i, changed = i+2, true
				continue
			}
		}
		out.take(v, i, i+1)
	}
	return out, changed
}

// unquotedHTML reads &#107; and &amp;, of which the numbers are runes or bytes.
func (v variant) unquotedHTML() (out variant, changed bool) {
	for i := 0; i < len(v.b); i++ {
		if v.b[i] == '&' {
			if n := bytes.IndexByte(v.b[i:min(i+10, len(v.b))], ';'); n > 0 {
				name := string(v.b[i : i+n+1])
				if text := html.UnescapeString(name); text != name {
					out.put(v.at[i], v.till[i+n], []byte(text)...)
					i, changed = i+n, true
					continue
				}
			}
		}
		out.take(v, i, i+1)
	}
	return out, changed
}

// withoutZeros reads the wide forms of Unicode, in either order of bytes, of text that is ASCII.
func (v variant) withoutZeros() (variant, bool) {
	if bytes.Count(v.b, []byte{0}) < Size/2 {
		return variant{}, false
	}
	return v.keep(func(b byte) bool { return b != 0 })
}

// withoutSpace puts together what was broken into lines.
func (v variant) withoutSpace() (variant, bool) {
	return v.keep(func(b byte) bool { return !isSpace(b) })
}

func isSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

func (v variant) keep(wanted func(byte) bool) (out variant, changed bool) {
	for i, b := range v.b {
		if wanted(b) {
			out.take(v, i, i+1)
		} else {
			changed = true
		}
	}
	return out, changed
}

func (v variant) backwards() (variant, bool) {
	out := variant{slices.Clone(v.b), slices.Clone(v.at), slices.Clone(v.till)}
	slices.Reverse(out.b)
	slices.Reverse(out.at)
	slices.Reverse(out.till)
	return out, true
}

// rotated reads ROT13.
func (v variant) rotated() (variant, bool) {
	return v.each(func(b byte) byte {
		switch lower := b | 0x20; {
		case lower < 'a' || lower > 'z':
			return b
		case lower < 'n':
			return b + 13
		default:
			return b - 13
		}
	})
}

func (v variant) inOtherCase() (variant, bool) {
	return v.each(func(b byte) byte {
		if lower := b | 0x20; lower >= 'a' && lower <= 'z' {
			return b ^ 0x20
		}
		return b
	})
}

func (v variant) each(change func(byte) byte) (variant, bool) {
	out := variant{slices.Clone(v.b), v.at, v.till}
	for i, b := range out.b {
		out.b[i] = change(b)
	}
	return out, !bytes.Equal(out.b, v.b)
}

var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\', '"': '"', '\'': '\'', '/': '/', '0': 0}

// unescaped reads what Go, JSON, C and Python write with backslashes.
func (v variant) unescaped() (out variant, changed bool) {
	for i := 0; i < len(v.b); i++ {
		if v.b[i] == '\\' {
			if text, n := unescape(v.b[i+1:]); n > 0 {
				out.put(v.at[i], v.till[i+n], text...)
				i, changed = i+n, true
				continue
			}
		}
		out.take(v, i, i+1)
	}
	return out, changed
}

// numbered are the escapes with a number: its base, its digits, and whether it is a rune.
var numbered = map[byte]struct {
	base, digits int
	rune         bool
}{'x': {16, 2, false}, 'u': {16, 4, true}, 'U': {16, 8, true}}

// unescape reads what follows a backslash, and how much of it belongs to the escape; 0 if none does.
func unescape(rest []byte) (text []byte, n int) {
	if len(rest) == 0 {
		return nil, 0
	}
	if e, ok := numbered[rest[0]]; ok && len(rest) > e.digits {
		if x, err := strconv.ParseUint(string(rest[1:1+e.digits]), e.base, 32); err == nil {
			if e.rune {
				return utf8.AppendRune(nil, rune(x)), 1 + e.digits
			}
			return []byte{byte(x)}, 1 + e.digits
		}
	}
	if len(rest) >= 3 && rest[0] >= '0' && rest[0] <= '3' {
		if x, err := strconv.ParseUint(string(rest[:3]), 8, 8); err == nil {
			return []byte{byte(x)}, 3
		}
	}
	if c, ok := escapes[rest[0]]; ok {
		return []byte{c}, 1
	}
	return nil, 0
}
