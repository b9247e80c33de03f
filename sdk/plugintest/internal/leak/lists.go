package leak

import (
	"bytes"
	"slices"
)

// lists reads numbers, one by one: 1, 2, 3 or 0x1 0x2 or -1 or 00000001, and {"0": 1, "1": 2}. Those above 255 are several
// bytes each, in either order.
func (f *finder) lists(v variant) {
	found := words(v.b)
	for i := range numberings {
		kind := &numberings[i]
		s, last := &stream{form: kind.form}, 0
		flush := func() {
			if len(s.bytes) >= f.least(Size, shard) {
				f.numbers(s, kind.octets)
			}
			s = &stream{form: kind.form}
		}
		for _, w := range found {
			if len(s.bytes) > 0 && w[0]-last > separator {
				flush()
			}
			last = w[1]
			negative := w[0] > 0 && v.b[w[0]-1] == '-'
			n, ok := kind.parse(v.b[w[0]:w[1]], negative)
			if !ok {
				flush()
				continue
			}
			for k := range kind.octets {
				s.add(byte(n>>(8*(kind.octets-1-k))), v.at[w[0]], v.end(w[1]-1))
			}
		}
		flush()
	}
}

// numbers looks at numbers of so many bytes as they are, with their bytes turned, and at the values of a map whose keys
// are places.
func (f *finder) numbers(s *stream, octets int) {
	for _, s := range []*stream{s, everySecond(s, octets)} {
		f.aligned(s, octets)
		if octets == 1 || len(s.bytes) == 0 {
			continue
		}
		turned := &stream{s.form, bytes.Clone(s.bytes), s.start, s.end}
		for i := 0; i < len(turned.bytes); i += octets {
			slices.Reverse(turned.bytes[i : i+octets])
		}
		f.aligned(turned, octets)
	}
}

func everySecond(s *stream, octets int) *stream {
	out := &stream{form: s.form}
	for i := octets; i+octets <= len(s.bytes); i += 2 * octets {
		for k := i; k < i+octets; k++ {
			out.add(s.bytes[k], s.start[k], s.end[k])
		}
	}
	return out
}

// numbering is a way of writing numbers of so many bytes.
type numbering struct {
	form   string
	base   uint64
	prefix byte // after a zero; 0 for none
	digits int  // at most
	octets int
}

var numberings = []numbering{
	{"a list of decimal numbers", 10, 0, 3, 1},
	{"a list of hexadecimal numbers", 16, 'x', 2, 1},
	{"a list of octal numbers", 8, 'o', 4, 1},
	{"a list of binary numbers", 2, 'b', 8, 1},
	{"a list of decimal numbers of 16 bits", 10, 0, 5, 2},
	{"a list of decimal numbers of 32 bits", 10, 0, 10, 4},
	{"a list of decimal numbers of 64 bits", 10, 0, 20, 8},
	{"a list of hexadecimal numbers of 16 bits", 16, 'x', 4, 2},
	{"a list of hexadecimal numbers of 32 bits", 16, 'x', 8, 4},
	{"a list of hexadecimal numbers of 64 bits", 16, 'x', 16, 8},
	{"a list of octal numbers of 32 bits", 8, 'o', 11, 4},
	{"a list of binary numbers of 32 bits", 2, 'b', 32, 4},
}

// parse reads a number. The smallest of the signed ones has no other sign.
func (n *numbering) parse(word []byte, negative bool) (x uint64, ok bool) {
	if n.prefix != 0 && len(word) > 2 && word[0] == '0' && word[1]|0x20 == n.prefix {
		word = word[2:]
	}
	if len(word) == 0 || len(word) > n.digits {
		return 0, false
	}
	for _, b := range word {
		d := uint64(hexDigits[b])
		if d >= n.base || x > (1<<64-1-d)/n.base {
			return 0, false
		}
		x = x*n.base + d
	}
	if most := uint64(1)<<(8*n.octets) - 1; n.octets < 8 && x > most {
		return 0, false
	}
	if negative {
		return -x, x <= 1<<(8*n.octets-1)
	}
	return x, true
}

// near is how many other pieces may stand between two parts of one key.
const near = 24

// parts puts together what was written in two parts, in several that follow each other, or in several of one length,
// for instance over two lines.
func (f *finder) parts(v variant) {
	for _, pieces := range [][]*stream{hexPieces(v), base64Pieces(v), listPieces(v)} {
		for i, a := range pieces {
			for _, b := range pieces[i+1 : min(len(pieces), i+1+near)] {
				if len(a.bytes)+len(b.bytes) == Size {
					f.together(a, b)
				}
			}
		}
		for i := range pieces {
			f.row(pieces[i:])
		}
		for _, size := range []int{1, 2, 4, 8, 16} {
			var same []*stream
			for _, p := range pieces {
				if len(p.bytes) == size {
					same = append(same, p)
				}
			}
			for n := Size / size; len(same) >= n; same = same[1:] {
				f.together(same[:n]...)
			}
		}
	}
}

// row puts together the pieces at the front that make up a key.
func (f *finder) row(pieces []*stream) {
	have := 0
	for n, p := range pieces {
		if have += len(p.bytes); have == Size && n > 1 {
			f.together(pieces[:n+1]...)
		}
		if have >= Size {
			return
		}
	}
}

func (f *finder) together(parts ...*stream) {
	whole := &stream{form: parts[0].form + ", in parts"}
	for _, p := range parts {
		whole.join(p)
	}
	f.eachPart(whole, parts)
	if len(parts) == 2 {
		turned := &stream{form: whole.form}
		turned.join(parts[1])
		turned.join(parts[0])
		f.eachPart(turned, parts)
	}
}

// eachPart reports the parts one by one, for what stands between them is no key.
func (f *finder) eachPart(whole *stream, parts []*stream) {
	if len(whole.bytes) != Size {
		return
	}
	how, ok := f.judge(bytes.Clone(whole.bytes))
	if !ok {
		return
	}
	for _, p := range parts {
		f.hit(whole.form+how, p.start[0], p.end[len(p.end)-1])
	}
}

func hexPieces(v variant) (pieces []*stream) {
	for _, w := range words(v.b) {
		start, n := w[0], w[1]-w[0]
		if n > 2 && v.b[start] == '0' && (v.b[start+1] == 'x' || v.b[start+1] == 'X') {
			start, n = start+2, n-2
		}
		if n >= 2 && n < 2*Size && n%2 == 0 && allOf(v.b[start:w[1]], &hexDigits) {
			pieces = append(pieces, inBits("hex", v, &hexDigits, start, w[1], 4))
		}
	}
	return pieces
}

// base64Pieces takes words of 8 bytes and more only: every word is base64.
func base64Pieces(v variant) (pieces []*stream) {
	runs(v.b, &base64Digits, 11, func(start, end int) {
		if end-start < 43 {
			pieces = append(pieces, inBits("base64", v, &base64Digits, start, end, 6))
		}
	})
	return pieces
}

func listPieces(v variant) (pieces []*stream) {
	s, last := &stream{form: numberings[0].form}, 0
	flush := func() {
		if len(s.bytes) >= 4 && len(s.bytes) < Size {
			pieces = append(pieces, s)
		}
		s = &stream{form: s.form}
	}
	for _, w := range words(v.b) {
		if len(s.bytes) > 0 && (w[0]-last > 2 || bytes.ContainsAny(v.b[last:w[0]], "[](){}\n")) {
			flush()
		}
		last = w[1]
		if b, ok := numberings[0].parse(v.b[w[0]:w[1]], false); ok {
			s.add(byte(b), v.at[w[0]], v.end(w[1]-1))
		} else {
			flush()
		}
	}
	flush()
	return pieces
}
