package leak

import (
	"bytes"
	"math/big"
	"strings"
)

// none marks bytes that are no digit.
const none = 0xff

// digitsOf maps bytes to their values as digits.
func digitsOf(alphabets ...string) (values [256]byte) {
	for i := range values {
		values[i] = none
	}
	for _, alphabet := range alphabets {
		for i := range len(alphabet) {
			values[alphabet[i]] = byte(i)
		}
	}
	return values
}

var (
	binaryDigits = digitsOf("01")
	hexDigits    = digitsOf("0123456789abcdef", "0123456789ABCDEF")
	base64Digits = digitsOf(
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
	base32Alphabets = [][256]byte{
		bothCases("abcdefghijklmnopqrstuvwxyz234567"),
		bothCases("0123456789abcdefghijklmnopqrstuv"),
		bothCases("0123456789abcdefghjkmnpqrstvwxyz"), // Crockford's
		bothCases("ybndrfg8ejkmcpqxot1uwisza345h769"), // z-base-32
	}
)

func bothCases(alphabet string) [256]byte { return digitsOf(alphabet, strings.ToUpper(alphabet)) }

// runs gives the maximal runs of digits of at least a length.
func runs(b []byte, values *[256]byte, atLeast int, each func(start, end int)) {
	start := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && values[b[i]] != none {
			continue
		}
		if i-start >= atLeast {
			each(start, i)
		}
		start = i + 1
	}
}

// inBits reads a run of digits of so many bits each, from the first of them on.
func inBits(form string, v variant, values *[256]byte, start, end, bits int) *stream {
	s := newStream(form, (end-start)*bits/8)
	var acc uint
	have, from := 0, start
	for i := start; i < end; i++ {
		if have == 0 {
			from = i
		}
		acc, have = acc<<bits|uint(values[v.b[i]]), have+bits
		if have >= 8 {
			have -= 8
			s.add(byte(acc>>have), v.at[from], v.end(i))
			acc &= 1<<have - 1
			from = i
		}
	}
	return s
}

// everyPhase reads a run from each digit at which a byte may begin: something may be glued to its front.
func (f *finder) everyPhase(form string, v variant, values *[256]byte, start, end, bits, phases int) {
	defer func() { f.glued = false }()
	for phase := range phases {
		f.glued = phase > 0
		f.windows(inBits(form, v, values, start+phase, end, bits))
	}
}

// inOneCase tells whether letters of one case alone are there: nearly all text of base64 has both, that of base32 one.
func inOneCase(b []byte) bool {
	return bytes.Equal(b, bytes.ToLower(b)) || bytes.Equal(b, bytes.ToUpper(b))
}

func (f *finder) base64(v variant) {
	runs(v.b, &base64Digits, f.least(43, 11), func(start, end int) {
		if run := v.b[start:end]; !inOneCase(run) || end-start < 43 && !allOf(run, &hexDigits) {
			f.everyPhase("base64", v, &base64Digits, start, end, 6, 4)
		}
	})
}

func (f *finder) base32(v variant) {
	for i := range base32Alphabets {
		values := &base32Alphabets[i]
		runs(v.b, values, f.least(52, 16), func(start, end int) {
			if run := v.b[start:end]; inOneCase(run) && !allOf(run, &hexDigits) {
				f.everyPhase("base32", v, values, start, end, 5, 8)
			}
		})
	}
}

func (f *finder) binary(v variant) {
	runs(v.b, &binaryDigits, f.least(8*Size, 16*shard), func(start, end int) {
		f.everyPhase("binary digits", v, &binaryDigits, start, end, 1, 8)
	})
}

// separator bounds what may stand between two bytes of one key.
const separator = 8

// hexadecimal reads digits in one run, and pairs, quads and so on with something between them, dumps included.
func (f *finder) hexadecimal(v variant) {
	runs(v.b, &hexDigits, f.least(2*Size, 2*shard), func(start, end int) {
		f.everyPhase("hex", v, &hexDigits, start, end, 4, 2)
	})
	s := &stream{form: "hex with separators"}
	last := 0
	flush := func() {
		f.windows(s)
		s = &stream{form: s.form}
	}
	for _, w := range words(withoutGutters(v.b)) {
		start, end := w[0], w[1]
		if end-start > 2 && v.b[start] == '0' && (v.b[start+1] == 'x' || v.b[start+1] == 'X') {
			start += 2
		}
		if len(s.bytes) > 0 && w[0]-last > separator+gutter {
			flush()
		}
		last = w[1]
		switch word := v.b[start:end]; {
		case isOffset(word):
		case len(word)%2 == 0 && allOf(word, &hexDigits):
			s.join(inBits(s.form, v, &hexDigits, start, end, 4))
		default:
			flush()
		}
	}
	flush()
}

// gutter is how long the text beside a line of a dump may be.
const gutter = 24

// withoutGutters blanks what dumps repeat as text between bars.
func withoutGutters(b []byte) []byte {
	out := append([]byte(nil), b...)
	for i := 0; i < len(b); i++ {
		if b[i] != '|' {
			continue
		}
		if j := i + 17; j < len(b) && b[j] == '|' { // a whole line
			for k := i; k <= j; k++ {
				out[k] = ' '
			}
			i = j
			continue
		}
		for j := i + 1; j < len(b) && j <= i+17 && b[j] != '\n'; j++ {
			if b[j] == '|' {
				for k := i; k <= j; k++ {
					out[k] = ' '
				}
				i = j
				break
			}
		}
	}
	return out
}

// isOffset knows the first column of a dump.
func isOffset(word []byte) bool {
	return len(word) == 8 && strings.HasPrefix(string(word), "0000") && word[7] == '0'
}

func allOf(word []byte, values *[256]byte) bool {
	for _, b := range word {
		if values[b] == none {
			return false
		}
	}
	return len(word) > 0
}

// words gives the maximal runs of letters and digits.
func words(b []byte) (found [][2]int) {
	start := -1
	for i := 0; i <= len(b); i++ {
		in := i < len(b) && (b[i] >= '0' && b[i] <= '9' || b[i] >= 'a' && b[i] <= 'z' || b[i] >= 'A' && b[i] <= 'Z')
		if in && start < 0 {
			start = i
		}
		if !in && start >= 0 {
			found, start = append(found, [2]int{start, i}), -1
		}
	}
	return found
}

// positional are the ways of writing 32 bytes as one number.
var positional = []struct {
	form     string
	alphabet [256]byte
	base     int64
	min, max int // digits; the first may be small, and a checksum may follow
}{
	{"one decimal number", digitsOf("0123456789"), 10, 70, 78},
	{"base36", bothCases("0123456789abcdefghijklmnopqrstuvwxyz"), 36, 46, 50},
	{"base58", digitsOf("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"), 58, 40, 52},
	{"base62", digitsOf("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"), 62, 40, 44},
	{"base62", digitsOf("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), 62, 40, 44},
}

const (
	// leastDigits is how long a number is in which a part of a known key may be.
	leastDigits = 10
	// mostDigits bounds what is read of text in a number: one costs the square of its length.
	mostDigits = 1024
)

func (f *finder) bigNumbers(v variant) {
	for _, w := range words(v.b) {
		word := v.b[w[0]:w[1]]
		for i := range positional {
			p := &positional[i]
			// Within these bounds it may be a key; above them, the text of one.
			key := len(word) >= f.least(p.min, leastDigits) && len(word) <= p.max
			text := len(word) >= 2*p.min*9/10 && len(word) <= mostDigits
			if !key && !text || !allOf(word, &p.alphabet) || p.base != 10 && allOf(word, &hexDigits) {
				continue
			}
			f.windows(v.number(w, p.form, &p.alphabet, p.base))
		}
	}
}

// number reads a word as the digits of one number.
func (v variant) number(w [2]int, form string, values *[256]byte, base int64) *stream {
	n, by := new(big.Int), big.NewInt(base)
	for _, b := range v.b[w[0]:w[1]] {
		n.Mul(n, by).Add(n, big.NewInt(int64(values[b])))
	}
	s := &stream{form: form}
	number := n.Bytes()
	for range Size - len(number) {
		s.add(0, v.at[w[0]], v.end(w[1]-1))
	}
	for _, b := range number {
		s.add(b, v.at[w[0]], v.end(w[1]-1))
	}
	return s
}
