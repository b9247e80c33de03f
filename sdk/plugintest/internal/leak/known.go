package leak

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const (
	// shard is the shortest part of a key that counts, in bytes. One may be there by chance.
	shard = 4
	// enough is how much of one key is found, in shards, to be no chance; inOne is how much of it where it is in one
	// piece.
	enough, inOne = 12, 8
	// masked is how many differences must be those of a key.
	masked = 8
	// whole marks all bytes of a key.
	whole = 1<<Size - 1
	// maxAlone bounds how many values are remembered that look like keys.
	maxAlone = 512
	// maxPlaces bounds how many places are remembered of one key.
	maxPlaces = 64
)

// Key is something to be found.
type Key struct {
	Bytes []byte // 8 or more; of those above 32, the first 32 count
	// Whole says that a part is no finding, for it may be words that others use too.
	Whole bool
}

// Known finds keys that it was told, in whole or in part, in many texts.
type Known struct {
	keys   []Key
	shards map[uint32][]place
	masks  map[difference]place
	sieve  sieve
	parts  map[[2]int]*part // by key and turn
	under  map[int]*part    // by key, of those found under a mask
	broken []brokenKey
	alone  []alone
	where  string
	text   []byte
}

// place is one within a key, as a turn of it.
type place struct{ key, turn, at int }

// difference is a row of differences between bytes of one distance; 0 stands for the sum.
type difference struct {
	distance int
	row      [masked]byte
}

func (d *difference) short() uint32 {
	return binary.BigEndian.Uint32(d.row[:]) + uint32(d.distance)
}

// sieve holds back nearly all that no map has. The zero value is ready.
type sieve [1 << 15]uint64

func (s *sieve) at(x uint32) (word, bit uint32) {
	x = x * 2654435769 >> 11
	return x >> 6, x & 63
}

func (s *sieve) add(x uint32)      { word, bit := s.at(x); s[word] |= 1 << bit }
func (s *sieve) has(x uint32) bool { word, bit := s.at(x); return s[word]>>bit&1 == 1 }

type part struct {
	covered uint32
	sources []Source
}

// alone is a value that looks like a key.
type alone struct {
	value  [Size]byte
	source Source
}

// Source is a place where a part of a key stands.
type Source struct {
	Where string
	Text  []byte
	Hit
}

// Part is what was found of a key.
type Part struct {
	Key     int // the number of the key
	Octets  int // how much of it was found
	Mask    bool
	Sources []Source
}

// turns of a key by which its bytes may be somewhere in another order.
var orders = []struct {
	name  string
	words bool // of several bytes are turned
	turn  func(k []byte)
}{
	{"", false, func([]byte) {}},
	{", backwards", false, slices.Reverse[[]byte]},
	{", each 2 bytes turned", true, inGroups(2)},
	{", each 4 bytes turned", true, inGroups(4)},
	{", each 8 bytes turned", true, inGroups(8)},
	{", backwards by 2 bytes", true, func(k []byte) { slices.Reverse(k); inGroups(2)(k) }},
	{", backwards by 4 bytes", true, func(k []byte) { slices.Reverse(k); inGroups(4)(k) }},
	{", backwards by 8 bytes", true, func(k []byte) { slices.Reverse(k); inGroups(8)(k) }},
	{", its half bytes exchanged", false, eachByte(func(b byte) byte { return b<<4 | b>>4 })},
	{", its digits backwards", false, func(k []byte) { slices.Reverse(k); eachByte(func(b byte) byte { return b<<4 | b>>4 })(k) }},
	{", each byte's bits backwards", false, eachByte(bits.Reverse8)},
	{", its bits backwards", false, func(k []byte) { slices.Reverse(k); eachByte(bits.Reverse8)(k) }},
}

func inGroups(n int) func([]byte) {
	return func(k []byte) {
		for i := 0; i+n <= len(k); i += n {
			slices.Reverse(k[i : i+n])
		}
	}
}

func eachByte(change func(byte) byte) func([]byte) {
	return func(k []byte) {
		for i, b := range k {
			k[i] = change(b)
		}
	}
}

// distances are those of bytes that a repeated mask treats alike.
var distances = []int{1, 2, 4, 8, 16}

// NewKnown is told the keys.
func NewKnown(keys []Key) *Known {
	k := &Known{
		keys: keys, shards: map[uint32][]place{}, masks: map[difference]place{},
		parts: map[[2]int]*part{}, under: map[int]*part{},
	}
	for n, key := range keys {
		for o, order := range orders {
			turned := key.in(order.turn)
			for i := 0; i+shard <= len(turned); i++ {
				x := binary.BigEndian.Uint32(turned[i:])
				k.sieve.add(x)
				k.shards[x] = append(k.shards[x], place{n, o, i})
				if key.Whole {
					break
				}
			}
			if key.Whole || order.words {
				continue // of words, a mask treats them like the bytes themselves
			}
			k.differences(turned, n, o)
			for i := range turned {
				turned[i] ^= byte(i)
			}
			k.differences(turned, n, o)
		}
		if !key.Whole {
			k.broken = append(k.broken, brokenForms(n, key.Bytes)...)
		}
	}
	return k
}

// in gives the bytes that count, in an order.
func (k Key) in(turn func([]byte)) []byte {
	turned := slices.Clone(k.Bytes[:min(len(k.Bytes), Size)])
	turn(turned)
	return turned
}

func (k *Known) differences(key []byte, n, order int) {
	eachDifference(key, func(i int, d *difference) {
		k.sieve.add(d.short())
		k.masks[*d] = place{n, order, i}
	})
}

// eachDifference goes through the rows of differences, XOR by distance and the sum of neighbours.
func eachDifference(b []byte, each func(i int, d *difference)) {
	for _, distance := range distances {
		d := difference{distance: distance}
		for i := 0; i+distance < len(b); i++ {
			copy(d.row[:], d.row[1:])
			d.row[masked-1] = b[i] ^ b[i+distance]
			if i+1 >= masked {
				each(i+1-masked, &d)
			}
		}
	}
	var d difference
	for i := 0; i+1 < len(b); i++ {
		copy(d.row[:], d.row[1:])
		d.row[masked-1] = b[i+1] - b[i]
		if i+1 >= masked {
			each(i+1-masked, &d)
		}
	}
}

// Read looks at a text; where is said of what is found in it.
func (k *Known) Read(where string, text []byte) {
	if len(k.keys) == 0 {
		return
	}
	k.where, k.text = where, text
	(&finder{known: k}).search(text, true)
}

// Skim is Read in the simple forms alone, and not within each other.
func (k *Known) Skim(where string, text []byte) {
	if len(k.keys) == 0 {
		return
	}
	k.where, k.text = where, text
	f := &finder{known: k}
	for _, v := range readings(plain(text)) {
		f.simply(v, true)
	}
}

// scan looks at bytes that were read in one form.
func (k *Known) scan(s *stream, within string, isAlone bool) {
	for i := 0; i+shard <= len(s.bytes); i++ {
		x := binary.BigEndian.Uint32(s.bytes[i:])
		if !k.sieve.has(x) {
			continue
		}
		for _, p := range k.shards[x] {
			octets := shard
			if key := k.keys[p.key]; key.Whole {
				turned := key.in(orders[p.turn].turn)
				if !bytes.HasPrefix(s.bytes[i:], turned) {
					continue
				}
				octets = len(turned)
			}
			at := [2]int{p.key, p.turn}
			if k.parts[at] == nil {
				k.parts[at] = new(part)
			}
			k.parts[at].note(p.at, octets, k.source(s.form+orders[p.turn].name+within, s, i, octets))
		}
	}
	eachDifference(s.bytes, func(i int, d *difference) {
		if !k.sieve.has(d.short()) {
			return
		}
		p, ok := k.masks[*d]
		if !ok {
			return
		}
		if k.under[p.key] == nil {
			k.under[p.key] = new(part)
		}
		apart := max(1, d.distance) // the two that a difference is of
		for _, from := range []int{0, apart} {
			k.under[p.key].note(p.at+from, masked, k.source(s.form+orders[p.turn].name+within, s, i+from, masked))
		}
	})
	if isAlone && len(k.alone) < maxAlone {
		value := [Size]byte(s.bytes)
		if !slices.ContainsFunc(k.alone, func(a alone) bool { return a.value == value }) {
			k.alone = append(k.alone, alone{value, k.source(s.form+within, s, 0, Size)})
		}
	}
}

// brokenKey is a key as it looks that was written as a string, for which most keys are no text.
type brokenKey struct {
	key  int
	text []byte
}

// brokenForms gives what those write who replace what is no text, byte by byte or all at once, or leave it out.
func brokenForms(n int, key []byte) (forms []brokenKey) {
	if utf8.Valid(key) {
		return nil
	}
	for _, by := range []string{"\ufffd", "?", ""} {
		var each []byte
		for rest := key; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			if r == utf8.RuneError && size == 1 {
				each = append(each, by...)
			} else {
				each = append(each, rest[:size]...)
			}
			rest = rest[size:]
		}
		for _, text := range [][]byte{each, bytes.ToValidUTF8(key, []byte(by))} {
			if len(text) >= inOne {
				forms = append(forms, brokenKey{n, text})
			}
		}
	}
	return forms
}

// replaced looks for keys that were written as strings.
func (k *Known) replaced(v variant, within string) {
	for _, b := range k.broken {
		at := bytes.Index(v.b, b.text)
		if at < 0 {
			continue
		}
		p := k.parts[[2]int{b.key, 0}]
		if p == nil {
			p = new(part)
			k.parts[[2]int{b.key, 0}] = p
		}
		if p.covered != whole {
			p.sources = nil // single letters of it
		}
		p.note(0, Size, Source{k.where, k.text, Hit{"", "a string, in which others stand for bytes that are no text" + within, v.at[at], v.end(at + len(b.text) - 1)}})
	}
}

func (k *Known) source(form string, s *stream, i, octets int) Source {
	return Source{k.where, k.text, Hit{"", form, s.start[i], s.end[i+octets-1]}}
}

func (p *part) note(at, octets int, s Source) {
	p.covered |= (1<<octets - 1) << at
	if s.Start > s.End {
		s.Start, s.End = s.End, s.Start
	}
	if n := len(p.sources); n > 0 {
		// What follows the last one is one piece with it.
		last := &p.sources[n-1]
		if last.Where == s.Where && last.Form == s.Form && s.Start >= last.Start && s.Start <= last.End {
			last.End = max(last.End, s.End)
			return
		}
	}
	if len(p.sources) < maxPlaces {
		p.sources = append(p.sources, s)
	}
}

// Found gives the keys of which there is enough, each in the order of which most was found.
func (k *Known) Found() (all []Part) {
	for n := range k.keys {
		best := Part{Key: n}
		for o := range orders {
			p := k.parts[[2]int{n, o}]
			if p == nil {
				continue
			}
			octets := bits.OnesCount32(p.covered)
			// Orders that keep groups of bytes together find each other's, and at the
			// edge of a group some bytes more by chance: that is no better reading.
			if octets >= best.Octets+shard && (octets >= enough || longest(p.covered) >= inOne) {
				best.Octets, best.Sources = octets, p.sources
			}
		}
		if p := k.under[n]; p != nil && best.Octets == 0 {
			best = Part{n, bits.OnesCount32(p.covered), true, p.sources}
		}
		if best.Octets > 0 {
			all = append(all, best)
		}
	}
	if pad, ok := k.padded(); ok && !slices.ContainsFunc(all, func(p Part) bool { return p.Key == pad.Key }) {
		all = append(all, pad)
	}
	return all
}

// longest is that of the rows of ones.
func longest(x uint32) (n int) {
	for ; x != 0; x &= x << 1 {
		n++
	}
	return n
}

// padded finds two values that are two keys under one and the same mask.
func (k *Known) padded() (Part, bool) {
	type use struct{ key, value int }
	masks := map[[Size]byte]use{}
	for n, key := range k.keys {
		if len(key.Bytes) != Size || key.Whole {
			continue
		}
		for i, a := range k.alone {
			mask := a.value
			for j, b := range key.Bytes {
				mask[j] ^= b
			}
			if other, ok := masks[mask]; ok && other.key != n && other.value != i && mask != [Size]byte{} {
				return Part{n, Size, true, []Source{a.source}}, true
			}
			masks[mask] = use{n, i}
		}
	}
	return Part{}, false
}
