package leak

import (
	"bytes"
	"strconv"
)

// lists reads bytes written as numbers, one by one: 1, 2, 3 or 0x1 0x2 or -1 or 00000001, and {"0": 1, "1": 2}.
func (f *finder) lists(v variant) {
	for _, kind := range numberings {
		s := &stream{form: kind.form}
		last := 0
		flush := func() {
			f.windows(s)
			f.windows(everySecond(s, 1))
			s = &stream{form: kind.form}
		}
		for _, w := range words(v.b) {
			if len(s.bytes) > 0 && w[0]-last > separator {
				flush()
			}
			last = w[1]
			negative := w[0] > 0 && v.b[w[0]-1] == '-'
			b, ok := kind.parse(string(v.b[w[0]:w[1]]), negative)
			if !ok {
				flush()
				continue
			}
			s.add(b, v.at[w[0]], v.end(w[1]-1))
		}
		flush()
	}
}

// everySecond gives the values of a map whose keys are places.
func everySecond(s *stream, from int) *stream {
	out := &stream{form: s.form}
	if len(s.bytes) < 2*Size {
		return out
	}
	for i := from; i < len(s.bytes); i += 2 {
		out.add(s.bytes[i], s.start[i], s.end[i])
	}
	return out
}

var numberings = []struct {
	form  string
	parse func(word string, negative bool) (byte, bool)
}{
	{"a list of decimal numbers", func(w string, negative bool) (byte, bool) {
		n, err := strconv.ParseUint(w, 10, 8)
		if len(w) > 3 || err != nil {
			return 0, false
		}
		if negative {
			return byte(-int8(n)), n <= 128
		}
		return byte(n), true
	}},
	{"a list of hexadecimal numbers", func(w string, _ bool) (byte, bool) {
		if len(w) > 2 && w[0] == '0' && (w[1] == 'x' || w[1] == 'X') {
			w = w[2:]
		}
		n, err := strconv.ParseUint(w, 16, 8)
		return byte(n), err == nil && len(w) <= 2
	}},
	{"a list of octal numbers", func(w string, _ bool) (byte, bool) {
		if len(w) > 2 && w[0] == '0' && w[1] == 'o' {
			w = w[2:]
		}
		n, err := strconv.ParseUint(w, 8, 8)
		return byte(n), err == nil && len(w) <= 4
	}},
	{"a list of binary numbers", func(w string, _ bool) (byte, bool) {
		if len(w) > 2 && w[0] == '0' && w[1] == 'b' {
			w = w[2:]
		}
		n, err := strconv.ParseUint(w, 2, 8)
		return byte(n), err == nil
	}},
}

// near is how many other pieces may stand between two parts of one key.
const near = 24

// parts puts together what was written in two parts, or in several of one length, for instance over two lines.
func (f *finder) parts(v variant) {
	for _, pieces := range [][]*stream{hexPieces(v), base64Pieces(v), listPieces(v)} {
		for i, a := range pieces {
			for _, b := range pieces[i+1 : min(len(pieces), i+1+near)] {
				if len(a.bytes)+len(b.bytes) == Size {
					f.together(a, b)
				}
			}
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
	parse := numberings[0].parse
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
		if b, ok := parse(string(v.b[w[0]:w[1]]), false); ok {
			s.add(b, v.at[w[0]], v.end(w[1]-1))
		} else {
			flush()
		}
	}
	flush()
	return pieces
}
