package leak

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
)

// maxUnpacked bounds what is read of compressed bytes.
const maxUnpacked = 1 << 20

// packings are compressed forms, and how each begins.
var packings = []struct {
	form  string
	magic []byte
	open  func(io.Reader) (io.Reader, error)
}{
	{"gzip", []byte{0x1f, 0x8b, 8}, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"zlib", []byte{0x78, 0x01}, unzlib}, {"zlib", []byte{0x78, 0x5e}, unzlib},
	{"zlib", []byte{0x78, 0x9c}, unzlib}, {"zlib", []byte{0x78, 0xda}, unzlib},
	{"bzip2", []byte("BZh"), func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

func unzlib(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }

// packed reads what is compressed, wherever it begins; without a header only from the first byte on.
func (f *finder) packed(v variant, whole bool) {
	for _, p := range packings {
		for at := 0; ; at++ {
			n := bytes.Index(v.b[at:], p.magic)
			if n < 0 {
				break
			}
			at += n
			if r, err := p.open(bytes.NewReader(v.b[at:])); err == nil {
				f.unpack(p.form, v, at, r)
			}
		}
	}
	if whole && len(v.b) >= Size {
		if f.inflate == nil {
			f.inflate = flate.NewReader(nil)
		}
		if err := f.inflate.(flate.Resetter).Reset(bytes.NewReader(v.b), nil); err == nil {
			f.unpack("deflate", v, 0, f.inflate)
		}
	}
}

// unpack takes what can be read, although the end may be missing or something else may follow.
func (f *finder) unpack(form string, v variant, at int, r io.Reader) {
	b, _ := io.ReadAll(io.LimitReader(r, maxUnpacked))
	if len(b) < f.least(Size, 2*shard) {
		return
	}
	s := &stream{form: form}
	for _, x := range b {
		s.add(x, v.at[at], v.till[len(v.till)-1])
	}
	f.windows(s)
}
