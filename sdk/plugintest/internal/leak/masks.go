package leak

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// maskedWindows bounds how much of a blob is looked at under masks.
const maskedWindows = 512

// Masked finds a key that a blob holds in clear, under the simplest of masks, or in digits of either; form says how. It
// is for what only looks encrypted.
func Masked(blob []byte, is Judge) (form string, found bool) {
	// A key in clear first: that is what most often happens, and the better name for it.
	if hits := Search(blob, true, is); len(hits) > 0 {
		return hits[0].Form, true
	}
	blobs := []*stream{{form: "as it is", bytes: blob}}
	v := plain(blob)
	runs(blob, &hexDigits, 2*Size, func(start, end int) { blobs = append(blobs, inBits("hex", v, &hexDigits, start, end, 4)) })
	runs(blob, &base64Digits, 43, func(start, end int) { blobs = append(blobs, inBits("base64", v, &base64Digits, start, end, 6)) })
	for _, s := range blobs {
		for i := 0; i+Size <= len(s.bytes) && i < maskedWindows; i++ {
			if mask, ok := unmask(s.bytes[i:i+Size], is); ok {
				return s.form + ", " + mask, true
			}
		}
	}
	return "", false
}

// turns are what may have been done to a key before each byte got the same constant.
var turns = []struct {
	name string
	turn func(out, in []byte)
}{
	{"", func(out, in []byte) { copy(out, in) }},
	{", backwards", func(out, in []byte) {
		for i, b := range in {
			out[len(in)-1-i] = b
		}
	}},
	{", with its half bytes exchanged", func(out, in []byte) {
		for i, b := range in {
			out[i] = b<<4 | b>>4
		}
	}},
	{", with its bits backwards", func(out, in []byte) {
		for i, b := range in {
			out[i] = bits.Reverse8(b)
		}
	}},
	{", XOR its place", func(out, in []byte) {
		for i, b := range in {
			out[i] = b ^ byte(i)
		}
	}},
}

func unmask(w []byte, is Judge) (mask string, ok bool) {
	turned, tried := make([]byte, Size), make([]byte, Size)
	for _, t := range turns {
		t.turn(turned, w)
		for c := range 256 {
			for i, b := range turned {
				tried[i] = b ^ byte(c)
			}
			if is(bytes.Clone(tried)) != "" {
				return fmt.Sprintf("XOR 0x%02x%s", c, t.name), true
			}
		}
	}
	for c := 1; c < 256; c++ {
		for i, b := range w {
			tried[i] = b - byte(c)
		}
		if is(tried) != "" {
			return fmt.Sprintf("plus 0x%02x", c), true
		}
	}
	return "", false
}

// maxUnmasked bounds how many values of a text are looked at under masks.
const maxUnmasked = 48

// Unmasked finds a key under the simplest of masks among the values in a text that look like a key, but for those that
// are public.
func Unmasked(text []byte, public map[string]bool, is Judge) (form string, found bool) {
	tried := map[[Size]byte]bool{}
	f := &finder{depth: maxDepth}
	f.is = func(w []byte) (what string) {
		value := [Size]byte(w)
		if !f.alone || found || tried[value] || len(tried) >= maxUnmasked || public[hex.EncodeToString(w)] {
			return ""
		}
		tried[value] = true
		if form, found = unmask(w, is); found {
			what = form
		}
		return what
	}
	v := plain(text)
	f.hexadecimal(v)
	f.base64(v)
	f.lists(v)
	for _, h := range f.hits {
		form = h.Form + ", " + form
		break
	}
	return form, found
}
