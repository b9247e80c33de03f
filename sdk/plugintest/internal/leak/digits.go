package leak

import (
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
	s := &stream{form: form}
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

func (f *finder) base64(v variant) {
	runs(v.b, &base64Digits, 43, func(start, end int) {
		f.everyPhase("base64", v, &base64Digits, start, end, 6, 4)
	})
}

func (f *finder) base32(v variant) {
	for i := range base32Alphabets {
		values := &base32Alphabets[i]
		runs(v.b, values, 52, func(start, end int) {
			f.everyPhase("base32", v, values, start, end, 5, 8)
		})
	}
}

// separator bounds what may stand between two bytes of one key.
const separator = 8

// hexadecimal reads digits in one run, and pairs, quads and so on with something between them, dumps included.
func (f *finder) hexadecimal(v variant) {
	runs(v.b, &hexDigits, 2*Size, func(start, end int) {
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

func (f *finder) bigNumbers(v variant) {
	for _, w := range words(v.b) {
		word := v.b[w[0]:w[1]]
		for i := range positional {
			p := &positional[i]
			if len(word) < p.min || len(word) > p.max || !allOf(word, &p.alphabet) {
				continue
			}
			n, base := new(big.Int), big.NewInt(p.base)
			for _, b := range word {
				n.Mul(n, base).Add(n, big.NewInt(int64(p.alphabet[b])))
			}
			s := &stream{form: p.form}
			number := n.Bytes()
			for range Size - len(number) {
				s.add(0, v.at[w[0]], v.end(w[1]-1))
			}
			for _, b := range number {
				s.add(b, v.at[w[0]], v.end(w[1]-1))
			}
			f.windows(s)
		}
	}
}
