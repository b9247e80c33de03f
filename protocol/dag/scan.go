package dag

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/milagro-dta/dta/protocol/fault"
)

// CBOR major types (RFC 8949, section 3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorList
	majorMap
	majorTag
	majorSimple
)

const tagLink = 42

// scanner walks canonical DAG-CBOR without building anything. at is the offset
// of the next byte. A refused input costs no more than the walk up to its fault.
type scanner struct {
	b  []byte
	at int
}

// scan reports whether b is exactly one canonical item within the bounds.
func scan(b []byte) error {
	s := scanner{b: b}
	if err := s.item(0); err != nil {
		return err
	}
	if s.at != len(b) {
		return s.refuse("expected the end, found %d more bytes", len(b)-s.at)
	}
	return nil
}

func (s *scanner) refuse(format string, a ...any) error {
	return fault.New(fault.Invalid, "dag-cbor at byte %d: "+format, append([]any{s.at}, a...)...)
}

// head reads an item's major type and its argument: a value, a length or a
// count. Only the shortest form passes, and no indefinite length.
func (s *scanner) head() (major int, n uint64, err error) {
	if s.at >= len(s.b) {
		return 0, 0, s.refuse("expected an item, found the end")
	}
	first := s.b[s.at]
	major, info := int(first>>5), first&0x1f
	if info < 24 {
		s.at++
		return major, uint64(info), nil
	}
	if info > 27 {
		return 0, 0, s.refuse("expected a definite length, found %#02x", first)
	}
	size := 1 << (info - 24)
	if len(s.b)-s.at-1 < size {
		return 0, 0, s.refuse("expected %d bytes of length or value, found %d", size, len(s.b)-s.at-1)
	}
	arg := s.b[s.at+1:]
	var least uint64
	switch size {
	case 1:
		n, least = uint64(arg[0]), 24
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(arg)), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(arg)), 1<<16
	case 8:
		n, least = binary.BigEndian.Uint64(arg), 1<<32
	}
	// For major type 7 these forms are floats; item refuses them by name.
	if n < least && major != majorSimple {
		return 0, 0, s.refuse("expected the shortest form of %d, found one of %d bytes", n, size+1)
	}
	if major == majorSimple {
		return 0, 0, s.refuse("expected no float and no simple value but false, true, null; found %#02x", first)
	}
	s.at += 1 + size
	return major, n, nil
}

// take reads n bytes.
func (s *scanner) take(n uint64) ([]byte, error) {
	if left := uint64(len(s.b) - s.at); n > left {
		return nil, s.refuse("expected %d bytes, found %d", n, left)
	}
	b := s.b[s.at : s.at+int(n)]
	s.at += int(n)
	return b, nil
}

// item walks one item that stands depth containers deep.
func (s *scanner) item(depth int) error {
	if depth > MaxDepth {
		return s.refuse("expected at most %d levels", MaxDepth)
	}
	start := s.at
	major, n, err := s.head()
	if err != nil {
		return err
	}
	switch major {
	case majorUint, majorNegative:
		return nil
	case majorBytes:
		_, err = s.take(n)
		return err
	case majorText:
		_, err = s.text(n)
		return err
	case majorList:
		return s.list(n, depth)
	case majorMap:
		return s.walkMap(n, depth, nil)
	case majorTag:
		return s.link(n)
	}
	if n < 20 || n > 22 {
		s.at = start
		return s.refuse("expected false, true or null, found simple value %d", n)
	}
	return nil
}

func (s *scanner) text(n uint64) ([]byte, error) {
	b, err := s.take(n)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		s.at -= len(b)
		return nil, s.refuse("expected UTF-8")
	}
	return b, nil
}

func (s *scanner) list(n uint64, depth int) error {
	if n > MaxList {
		return s.refuse("expected a list of at most %d, found %d", MaxList, n)
	}
	for range n {
		if err := s.item(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// walkMap walks n pairs, and calls visit, unless nil, with each name and the
// offsets of its value.
func (s *scanner) walkMap(n uint64, depth int, visit func(name []byte, start, end int)) error {
	if n > MaxMap {
		return s.refuse("expected a map of at most %d, found %d", MaxMap, n)
	}
	var last []byte
	for i := range n {
		at := s.at
		major, size, err := s.head()
		if err != nil {
			return err
		}
		if major != majorText {
			s.at = at
			return s.refuse("expected a text as name, found major type %d", major)
		}
		name, err := s.text(size)
		if err != nil {
			return err
		}
		if i > 0 && !before(last, name) {
			s.at = at
			return s.refuse("expected a name after %.40q, found %.40q", last, name)
		}
		last = name
		start := s.at
		if err := s.item(depth + 1); err != nil {
			return err
		}
		if visit != nil {
			visit(name, start, s.at)
		}
	}
	return nil
}

// before is DAG-CBOR's order of map keys: by length, then by byte.
func before(a, b []byte) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return string(a) < string(b)
}

func (s *scanner) link(tag uint64) error {
	if tag != tagLink {
		return s.refuse("expected no tag but %d, found %d", tagLink, tag)
	}
	major, n, err := s.head()
	if err != nil {
		return err
	}
	if major != majorBytes || n != CIDSize+1 {
		return s.refuse("expected a link of %d bytes, found major type %d and %d", CIDSize+1, major, n)
	}
	b, err := s.take(n)
	if err != nil {
		return err
	}
	if b[0] != 0 {
		return s.refuse("expected a link with binary prefix 0, found %d", b[0])
	}
	return checkCID(b[1:])
}
