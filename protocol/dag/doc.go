// Package dag encodes what the protocol signs, seals and links: canonical
// DAG-CBOR, named by CIDs.
//
// # One value, one encoding
//
// A struct field is tagged `cbor:"name"` and is always present: an optional
// value is null or an empty list, never left out. A nil slice is encoded as an
// empty list or string, a nil map as an empty map, a nil pointer and an
// undefined CID as null. Map keys are text, sorted by length and then by byte
// (the order of the DAG-CBOR specification). There are no floats, no
// indefinite lengths, and no tag but 42, a link.
//
// # Strict decoding
//
// Decode first walks the bytes without building anything and refuses whatever
// is not canonical or exceeds a bound; then it fills the value, refusing
// unknown fields; then it encodes the value again and compares. So a block
// that was accepted is the only block for its value, and a signature over the
// value is a signature over the block. Every refusal is fault.Invalid.
//
// Encode and Decode, and the library under them, keep buffers that nobody clears:
// what is secret in the clear is not encoded with them.
//
// # CIDs
//
// Only CIDv1 with sha2-256 over a dag-cbor or a raw block exists here. They are
// computed locally and compared on every read; the text form is the lower case
// base32 one and no other.
package dag

// Bounds of a block. They are checked before anything is allocated for it.
const (
	// MaxBlock is the size of the largest block, in bytes.
	MaxBlock = 1 << 20
	// MaxDepth is the deepest nesting of lists, maps and links.
	MaxDepth = 32
	// MaxList is the number of items in the longest list.
	MaxList = 4096
	// MaxMap is the number of names in the largest map.
	MaxMap = 256
)
