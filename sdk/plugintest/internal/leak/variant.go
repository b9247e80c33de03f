package leak

import "unicode/utf8"

// variant is a reading of a text: bytes, and where in the original each stands.
type variant struct {
	b        []byte
	at, till []int
}

func plain(text []byte) variant {
	var v variant
	for i, b := range text {
		v.put(i, i+1, b)
	}
	return v
}

// of makes a text of what one form of writing gave.
func of(s *stream) variant { return variant{s.bytes, s.start, s.end} }

func (v *variant) put(start, end int, bytes ...byte) {
	for _, b := range bytes {
		v.b, v.at, v.till = append(v.b, b), append(v.at, start), append(v.till, end)
	}
}

// take adds what another reading has between two places.
func (v *variant) take(from variant, start, end int) {
	v.b = append(v.b, from.b[start:end]...)
	v.at, v.till = append(v.at, from.at[start:end]...), append(v.till, from.till[start:end]...)
}

// end says where in the original what stands at i ends.
func (v variant) end(i int) int { return v.till[i] }

func (v variant) slice(start, end int) variant {
	return variant{v.b[start:end], v.at[start:end], v.till[start:end]}
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
const mangled = 8
