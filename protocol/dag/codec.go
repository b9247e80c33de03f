package dag

import (
	"bytes"
	"errors"
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"github.com/milagro-dta/dta/protocol/fault"
)

var encoding = must(cbor.EncOptions{
	Sort:          cbor.SortLengthFirst,
	NilContainers: cbor.NilContainerAsEmpty,
	IndefLength:   cbor.IndefLengthForbidden,
	BigIntConvert: cbor.BigIntConvertReject,
	Time:          cbor.TimeUnix,
}.EncMode())

var decoding = must(cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	IndefLength:       cbor.IndefLengthForbidden,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	UTF8:              cbor.UTF8RejectInvalid,
	BignumTag:         cbor.BignumTagForbidden,
	DefaultMapType:    reflect.TypeFor[map[string]any](),
	MaxNestedLevels:   MaxDepth + 2, // a link counts twice
	MaxArrayElements:  MaxList,
	MaxMapPairs:       MaxMap,
}.DecMode())

func must[M any](mode M, err error) M {
	if err != nil {
		panic("dag: " + err.Error())
	}
	return mode
}

// Encode returns the canonical DAG-CBOR of v, at most MaxBlock bytes. A value
// that has none (floats, times, names that are no text) is refused.
func Encode(v any) ([]byte, error) {
	b, err := encoding.Marshal(v)
	if err != nil {
		return nil, invalid(err, "encode %T", v)
	}
	if len(b) > MaxBlock {
		return nil, fault.New(fault.Invalid, "encode %T: expected at most %d bytes, found %d", v, MaxBlock, len(b))
	}
	if err := scan(b); err != nil {
		return nil, invalid(err, "encode %T", v)
	}
	return b, nil
}

// Decode fills v, a pointer to a zero value, from a block of canonical DAG-CBOR.
// Nothing of v refers to the block afterwards. When Decode fails, v is to be
// thrown away.
func Decode(block []byte, v any) error {
	if len(block) > MaxBlock {
		return fault.New(fault.Invalid, "decode %T: expected at most %d bytes, found %d", v, MaxBlock, len(block))
	}
	if err := scan(block); err != nil {
		return invalid(err, "decode %T", v)
	}
	if err := decoding.Unmarshal(block, v); err != nil {
		return invalid(err, "decode %T", v)
	}
	// The block is canonical by itself; encoding the value again finds what the
	// value does not hold: a field left out, a null for an empty list, a link
	// where bytes were expected.
	again, err := encoding.Marshal(v)
	if err != nil {
		return invalid(err, "decode %T", v)
	}
	if !bytes.Equal(again, block) {
		return fault.New(fault.Invalid, "decode %T: expected the encoding of its own value, found a difference at byte %d",
			v, difference(again, block))
	}
	return nil
}

// Put encodes v and returns its CID and block.
func Put(v any) (CID, []byte, error) {
	b, err := Encode(v)
	if err != nil {
		return CID{}, nil, err
	}
	return Sum(b), b, nil
}

// Field returns the offsets of the value that stands under name in a block
// which is a map. It serves what is signed or hashed in part: the bytes are
// those that came, not encoded again.
func Field(block []byte, name string) (start, end int, err error) {
	s := scanner{b: block}
	major, n, err := s.head()
	if err != nil {
		return 0, 0, err
	}
	if major != majorMap {
		return 0, 0, fault.New(fault.Invalid, "dag-cbor: expected a map, found major type %d", major)
	}
	found := false
	err = s.walkMap(n, 0, func(got []byte, from, to int) {
		if string(got) == name {
			start, end, found = from, to, true
		}
	})
	if err != nil {
		return 0, 0, err
	}
	if !found {
		return 0, 0, fault.New(fault.Invalid, "dag-cbor: expected a map with %q, found one without", name)
	}
	return start, end, nil
}

// WithEmptied returns a copy of a block which is a map, with an empty list under
// name. It is what signatures that stand in a list of the map itself cover.
func WithEmptied(block []byte, name string) ([]byte, error) {
	start, end, err := Field(block, name)
	if err != nil {
		return nil, err
	}
	const emptyList = majorList << 5
	b := make([]byte, 0, len(block))
	b = append(append(b, block[:start]...), emptyList)
	return append(b, block[end:]...), nil
}

func difference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// invalid gives err a place, and the kind Invalid. The CBOR library's texts
// name Go types and fields, never values.
func invalid(err error, format string, a ...any) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return fault.New(f.Kind, format+": %w", append(a, err)...)
	}
	return fault.New(fault.Invalid, format+": %w", append(a, err)...)
}
