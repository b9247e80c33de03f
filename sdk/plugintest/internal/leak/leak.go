// Package leak finds keys of 32 bytes in text that should hold none, without knowing them. It reads text in every form
// in which a program may have written a key (digits, lists, quoted strings, parts), and hands each 32 bytes that it
// finds to a judge, who can tell a key when it sees one: for instance because it opens a deposit.
package leak

import (
	"bytes"
	"slices"
)

// Size is that of a key, in bytes.
const Size = 32

// Judge tells whether 32 bytes are a key. It must not keep them.
type Judge func(candidate []byte) bool

// Hit is a key that was found.
type Hit struct {
	Form       string // e.g. "hex"
	Start, End int    // where it stands in the text
}

// Search finds keys in text, in every form that is made of text. With raw, it also looks at every 32 bytes as they are.
func Search(text []byte, raw bool, is Judge) []Hit {
	f := &finder{is: is}
	for i, v := range readings(text) {
		f.read(v, raw || i > 0)
	}
	return f.hits
}

// Exact gives the 32 bytes that stand alone in text as digits or as a list of numbers: what looks like a key where
// there is no judge.
func Exact(text []byte) []Hit {
	f := &finder{}
	f.is = func([]byte) bool { return f.alone }
	v := plain(text)
	f.hexadecimal(v)
	f.base64(v)
	f.lists(v)
	return f.hits
}

// Strike gives text with what was found in it struck out.
func Strike(text []byte, hits []Hit) []byte {
	sorted := slices.Clone(hits)
	slices.SortFunc(sorted, func(a, b Hit) int { return a.Start - b.Start })
	var out []byte
	at := 0
	for _, h := range sorted {
		if h.End <= at {
			continue
		}
		if h.Start >= at {
			out = append(append(out, text[at:h.Start]...), "[struck out]"...)
		}
		at = h.End
	}
	return append(out, text[at:]...)
}

// finder goes through one text.
type finder struct {
	is    Judge
	hits  []Hit
	alone bool // nothing else stands beside the window that is judged
	glued bool // the stream begins within a run of digits
}

// stream is bytes that one form of writing gave, and where in the original text each begins and ends.
type stream struct {
	form  string
	bytes []byte
	start []int
	end   []int
}

func (s *stream) add(b byte, start, end int) {
	s.bytes, s.start, s.end = append(s.bytes, b), append(s.start, start), append(s.end, end)
}

func (s *stream) join(other *stream) {
	s.bytes, s.start, s.end = append(s.bytes, other.bytes...), append(s.start, other.start...), append(s.end, other.end...)
}

// windows judges every 32 bytes of a stream, forwards, backwards, and as digits written backwards.
func (f *finder) windows(s *stream) {
	f.alone = len(s.bytes) == Size && !f.glued
	for i := 0; i+Size <= len(s.bytes); i++ {
		if how, ok := f.judge(s.bytes[i : i+Size]); ok {
			f.hit(s.form+how, s.start[i], s.end[i+Size-1])
		}
	}
}

func (f *finder) hit(form string, start, end int) {
	if end < start {
		start, end = end, start
	}
	for _, h := range f.hits {
		if h.Start <= start && end <= h.End {
			return // the same key, read in another way
		}
	}
	f.hits = append(f.hits, Hit{form, start, end})
}

func (f *finder) judge(w []byte) (how string, ok bool) {
	if f.is(w) {
		return "", true
	}
	r := bytes.Clone(w)
	slices.Reverse(r)
	if f.is(r) {
		return ", backwards", true
	}
	for i, b := range r {
		r[i] = b<<4 | b>>4
	}
	return ", its digits backwards", f.is(r)
}

// read goes through all forms of one reading of the text.
func (f *finder) read(v variant, raw bool) {
	if raw {
		f.asIs(v)
	}
	f.latin1(v)
	f.hexadecimal(v)
	f.base64(v)
	f.base32(v)
	f.bigNumbers(v)
	f.lists(v)
	f.parts(v)
}

// asIs judges windows that are not all text: a random key is not.
func (f *finder) asIs(v variant) {
	s := &stream{form: "as it is"}
	since := 0 // bytes of text since the last that is none
	for i, b := range v.b {
		s.add(b, v.at[i], v.end(i))
		if isText(b) {
			since++
		} else {
			since = 0
		}
		if len(s.bytes) < Size || since >= Size {
			continue
		}
		w := len(s.bytes) - Size
		if how, ok := f.judge(s.bytes[w:]); ok {
			f.hit(s.form+how, s.start[w], s.end[len(s.end)-1])
		}
	}
}

func isText(b byte) bool { return b >= 0x20 && b < 0x7f || b == '\n' || b == '\t' || b == '\r' }
