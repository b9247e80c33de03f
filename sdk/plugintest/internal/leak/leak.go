// Package leak finds keys of 32 bytes in text that should hold none. It reads text in every form in which a program may
// have written a key, and looks at what it has read in two ways:
//
//   - Search does not know the keys. It hands each 32 bytes to a judge, who can tell a key when it sees one: for instance
//     because it opens a deposit. So a key must be there as a whole, or in a few parts that lie close together.
//   - Known is told the keys, and finds parts of 8 bytes, or of 12 in pieces, wherever they are, and under masks that
//     are the same for each byte or each key.
//
// The forms are tables: rewritings of whole texts, columns of several lines, digits of any base, lists of numbers,
// compressed bytes. What was read is read again, as long as it is text, so that forms stand within each other: base64
// of JSON that holds hex. A key that was encrypted under another, or that was hidden on purpose, no search finds.
package leak

import (
	"bytes"
	"io"
	"slices"
	"unicode/utf8"
)

// Size is that of a key, in bytes.
const Size = 32

// Judge says which key 32 bytes are; "" if they are none. It must not keep them.
type Judge func(candidate []byte) (what string)

// Hit is a key that was found.
type Hit struct {
	What       string // the judge's word for it; empty where there was none
	Form       string // e.g. "hex"
	Start, End int    // where it stands in the text
}

// Search finds keys in text, in every form that is made of text. With raw, it also looks at every 32 bytes as they are.
func Search(text []byte, raw bool, is Judge) []Hit {
	f := &finder{is: is}
	f.search(text, raw)
	return f.hits
}

// Quick is Search in the simple forms alone, and not within each other.
func Quick(text []byte, is Judge) []Hit {
	f := &finder{is: is}
	for i, v := range readings(plain(text)) {
		f.simply(v, i > 0)
		f.parts(v)
	}
	return f.hits
}

// Exact gives the 32 bytes that stand alone in text as digits or as a list of numbers: what looks like a key where
// there is no judge.
func Exact(text []byte) []Hit {
	f := &finder{depth: maxDepth}
	f.is = func([]byte) string {
		if f.alone {
			return "32 bytes"
		}
		return ""
	}
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
	what  string // its last word
	known *Known // in place of the judge
	hits  []Hit
	alone bool // nothing else stands beside the window that is judged
	glued bool // the stream begins within a run of digits

	within string // the forms around the one that is read
	depth  int    // how many
	inner  []layer
	seen   map[string]bool // texts that were read

	inflate io.ReadCloser // reused, for it is large; nil before its first use
}

// layer is a text within another one.
type layer struct {
	text   variant
	within string
	depth  int
}

const (
	// maxDepth is how many forms may stand within each other.
	maxDepth = 3
	// shortRow is how long a part of a known key may be in text that is not found by itself.
	shortRow = 24
	// maxWide is how much of a text is read in every form; what follows, after an overlap, is read in the simple ones.
	maxWide, overlap = 16 << 10, 1 << 10
	// maxLayers bounds how many texts are read within one.
	maxLayers = 512
)

// search reads a text, its columns, and the texts that both hold.
func (f *finder) search(text []byte, raw bool) {
	f.seen = map[string]bool{}
	whole := plain(text)
	if len(text) > maxWide {
		whole = whole.unrepeated()
	}
	if len(whole.b) > maxWide {
		rest := whole.slice(maxWide-overlap, len(whole.b))
		whole = whole.slice(0, maxWide)
		for i, v := range readings(rest) {
			f.simply(v, raw || i > 0)
		}
	}
	ways := rewritings
	if f.known != nil {
		ways = slices.Concat(ways, disguises)
	}
	for i, v := range readings(whole, ways...) {
		f.readOnce(v, raw || i > 0)
	}
	for _, c := range columns(whole) {
		if f.known != nil && len(c.text.b) > shortRow*c.rows {
			continue // each row is long enough to be found by itself
		}
		for i, v := range readings(c.text, rewritings...) {
			f.readOnce(v, i > 0)
		}
	}
	for n := 0; len(f.inner) > 0 && n < maxLayers; n++ {
		l := f.inner[0]
		f.inner, f.within, f.depth = f.inner[1:], l.within, l.depth
		for i, v := range readings(l.text, rewritings...) {
			f.readOnce(v, i > 0)
		}
	}
}

func (f *finder) readOnce(v variant, raw bool) {
	if len(v.b) == 0 || f.seen[string(v.b)] {
		return
	}
	f.seen[string(v.b)] = true
	f.read(v, raw)
}

// descend keeps what was read in one form for later, as far as it is text or compressed.
func (f *finder) descend(s *stream) {
	if f.depth >= maxDepth || len(s.bytes) < shard || len(f.inner) >= maxLayers {
		return
	}
	within := " in " + s.form + f.within
	v := of(s)
	if short, changed := v.withoutZeros(); changed {
		v = short
	}
	for start, i := 0, 0; i <= len(v.b); {
		r, n := utf8.DecodeRune(v.b[i:])
		if n > 0 && (r < utf8.RuneSelf && isText(byte(r)) || r >= utf8.RuneSelf && r != utf8.RuneError) {
			i += n
			continue
		}
		if i-start >= f.least(Size, 2*shard) {
			f.inner = append(f.inner, layer{v.slice(start, i), within, f.depth + 1})
		}
		i += max(1, n)
		start = i
	}
	outer, depth := f.within, f.depth
	f.within, f.depth = within, f.depth+1
	f.packed(of(s), !f.glued)
	f.within, f.depth = outer, depth
}

// least is how much a form must give where keys are not known, and where they are.
func (f *finder) least(unknown, known int) int {
	if f.known != nil {
		return known
	}
	return unknown
}

// stream is bytes that one form of writing gave, and where in the original text each begins and ends.
type stream struct {
	form  string
	bytes []byte
	start []int
	end   []int
}

func newStream(form string, octets int) *stream {
	places := make([]int, 2*octets)
	return &stream{form, make([]byte, 0, octets), places[:0:octets], places[octets:octets]}
}

func (s *stream) add(b byte, start, end int) {
	s.bytes, s.start, s.end = append(s.bytes, b), append(s.start, start), append(s.end, end)
}

func (s *stream) join(other *stream) {
	s.bytes, s.start, s.end = append(s.bytes, other.bytes...), append(s.start, other.start...), append(s.end, other.end...)
}

// windows judges every 32 bytes of a stream, forwards, backwards, and as digits written backwards.
func (f *finder) windows(s *stream) { f.aligned(s, 1) }

// aligned is windows for a form that gives so many bytes at once.
func (f *finder) aligned(s *stream, octets int) {
	f.descend(s)
	f.alone = len(s.bytes) == Size && !f.glued
	if f.known != nil {
		f.known.scan(s, f.within, f.alone)
		return
	}
	for i := 0; i+Size <= len(s.bytes); i += octets {
		if how, ok := f.judge(s.bytes[i : i+Size]); ok {
			f.hit(s.form+how+f.within, s.start[i], s.end[i+Size-1])
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
	f.hits = append(f.hits, Hit{f.what, form, start, end})
}

func (f *finder) judge(w []byte) (how string, ok bool) {
	if f.what = f.is(w); f.what != "" {
		return "", true
	}
	r := bytes.Clone(w)
	slices.Reverse(r)
	if f.what = f.is(r); f.what != "" {
		return ", backwards", true
	}
	for i, b := range r {
		r[i] = b<<4 | b>>4
	}
	f.what = f.is(r)
	return ", its digits backwards", f.what != ""
}

// read goes through all forms of one reading of the text.
func (f *finder) read(v variant, raw bool) {
	if f.known != nil {
		f.known.replaced(v, f.within)
		f.known.scan(&stream{"as it is", v.b, v.at, v.till}, f.within, false)
	} else if raw {
		f.asIs(v)
	}
	f.hexadecimal(v)
	f.base64(v)
	f.lists(v)
	f.packed(v, false)
	f.latin1(v)
	f.base32(v)
	f.binary(v)
	f.grouped(v)
	f.bigNumbers(v)
	if f.known == nil {
		f.parts(v)
	}
}

// simply is read for what is long: each form by itself, and the usual ones only.
func (f *finder) simply(v variant, raw bool) {
	depth := f.depth
	defer func() { f.depth = depth }()
	f.depth = maxDepth
	if f.known != nil {
		f.known.scan(&stream{"as it is", v.b, v.at, v.till}, f.within, false)
	} else if raw {
		f.asIs(v)
	}
	f.hexadecimal(v)
	f.base64(v)
	f.lists(v)
}

// asIs judges windows that are not all text: a random key is not.
func (f *finder) asIs(v variant) {
	s := &stream{"as it is", v.b, v.at, v.till}
	since := 0 // bytes of text since the last that is none
	for i, b := range v.b {
		if since++; !isText(b) {
			since = 0
		}
		if i+1 < Size || since >= Size {
			continue
		}
		w := i + 1 - Size
		if how, ok := f.judge(s.bytes[w : i+1]); ok {
			f.hit(s.form+how+f.within, s.start[w], s.end[i])
		}
	}
}

func isText(b byte) bool { return b >= 0x20 && b < 0x7f || b == '\n' || b == '\t' || b == '\r' }
