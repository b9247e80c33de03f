package leak

import "bytes"

// basis is a way of writing a group of bytes as so many digits.
type basis struct {
	form          string
	digits        [256]byte
	base          uint64
	chars, octets int
	little        bool // the first digit counts least
	zero          byte // stands for a whole group of zeros; 0 for none
}

func span(from, to byte) string {
	var all []byte
	for b := from; b <= to; b++ {
		all = append(all, b)
	}
	return string(all)
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var bases = []basis{
	{form: "ascii85", digits: digitsOf(span('!', 'u')), base: 85, chars: 5, octets: 4, zero: 'z'},
	{form: "Z85", digits: digitsOf("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"), base: 85, chars: 5, octets: 4},
	{form: "base85", digits: digitsOf(alphanumeric + "!#$%&()*+-;<=>?@^_`{|}~"), base: 85, chars: 5, octets: 4},
	{form: "base45", digits: digitsOf("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"), base: 45, chars: 3, octets: 2, little: true},
	// A line of uuencode begins with its length.
	{form: "uuencode", digits: digitsOf(span(' ', '_'), "`"), base: 64, chars: 4, octets: 3},
	{form: "xxencode", digits: digitsOf("+-" + alphanumeric), base: 64, chars: 4, octets: 3},
}

// grouped reads digits of large bases. Nearly every text is such digits, and groups have no sign by which to tell where
// they begin: so this begins where a value does, or a second one after a mark of the length.
func (f *finder) grouped(v variant) {
	for line := range v.split('\n') {
		for k := range bases {
			by := &bases[k]
			reached := make([]int, by.chars) // by the groups that began at places with this remainder
			for i := range line.b {
				value := i == 0 || bytes.IndexByte([]byte(" \t\"'=:,([{>~"), line.b[i-1]) >= 0
				second := i == 1 || i > 1 && bytes.IndexByte([]byte(" \"'=:"), line.b[i-2]) >= 0
				if (value || second && by.octets == 3) && i >= reached[i%by.chars] {
					reached[i%by.chars] = i + f.groups(line.slice(i, len(line.b)), by)
				}
			}
		}
	}
}

// groups reads as many as there are, and says how far. The last may be short.
func (f *finder) groups(v variant, by *basis) (read int) {
	run := 0
	for run < len(v.b) && (by.digits[v.b[run]] != none || by.zero != 0 && v.b[run] == by.zero) {
		run++
	}
	if run < f.least(Size, 2*shard)/by.octets*by.chars && bytes.IndexByte(v.b[:run], by.zero) < 0 {
		return run // too short, wherever it ends
	}
	s := newStream(by.form, min(len(v.b), 2*Size))
	limit := uint64(1) << (8 * by.octets)
	i := 0
	for i < len(v.b) {
		if by.zero != 0 && v.b[i] == by.zero {
			for range by.octets {
				s.add(0, v.at[i], v.till[i])
			}
			i++
			continue
		}
		var n uint64
		have := 0
		for ; have < by.chars && i+have < len(v.b); have++ {
			d := by.digits[v.b[i+have]]
			if d == none || uint64(d) >= by.base {
				break
			}
			if by.little {
				n += uint64(d) * power(by.base, have)
			} else {
				n = n*by.base + uint64(d)
			}
		}
		octets := by.octets
		if have < by.chars {
			octets = have * by.octets / by.chars
			if by.little {
				octets = have / 2
			} else {
				n = (n+1)*power(by.base, by.chars-have) - 1
			}
		}
		if n >= limit || octets == 0 {
			break
		}
		if by.little {
			n <<= 8 * (by.octets - octets)
		}
		for k := range octets {
			s.add(byte(n>>(8*(by.octets-1-k))), v.at[i], v.till[i+have-1])
		}
		i += have
		if have < by.chars {
			break
		}
	}
	if len(s.bytes) >= f.least(Size, 2*shard) {
		f.aligned(s, by.octets)
	}
	return i
}

func power(base uint64, n int) uint64 {
	p := uint64(1)
	for range n {
		p *= base
	}
	return p
}
