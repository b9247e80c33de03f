package dag

import (
	"bytes"
	"crypto/sha256"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/milagro-dta/dta/protocol/fault"
)

// CIDSize is the size of a CID in bytes: version, codec, hash function, hash
// length, 32 bytes of hash. Its text is textSize characters long.
const (
	CIDSize  = 36
	textSize = 59
)

// CID names a block by its hash. CIDs compare with ==, and serve as map keys.
// The zero value is undefined; it is encoded as null, and as "" in text.
type CID struct{ c cid.Cid }

// Sum returns the CID of a DAG-CBOR block.
func Sum(block []byte) CID { return FromSum(sha256.Sum256(block)) }

// FromSum returns the CID of the DAG-CBOR block with a SHA-256 hash.
func FromSum(h [sha256.Size]byte) CID { return sum(cid.DagCBOR, h) }

// SumRaw returns the CID of a block of plain bytes.
func SumRaw(block []byte) CID { return sum(cid.Raw, sha256.Sum256(block)) }

func sum(codec byte, h [sha256.Size]byte) CID {
	b := make([]byte, 0, CIDSize)
	b = append(b, 1, codec, multihash.SHA2_256, sha256.Size)
	c, err := cid.Cast(append(b, h[:]...))
	if err != nil {
		panic("dag: a CID computed here is not one: " + err.Error())
	}
	return CID{c}
}

// Parse reads the text form of a CID.
func Parse(s string) (CID, error) {
	if len(s) != textSize {
		return CID{}, fault.New(fault.Invalid, "CID: expected %d characters, found %d", textSize, len(s))
	}
	c, err := cid.Decode(s)
	if err != nil {
		return CID{}, fault.New(fault.Invalid, "CID %q: %w", s, err)
	}
	parsed, err := FromBytes(c.Bytes())
	if err != nil {
		return CID{}, err
	}
	// Base32 leaves bits over, and other alphabets would do as well: two texts
	// of one CID must not count as two CIDs.
	if parsed.String() != s {
		return CID{}, fault.New(fault.Invalid, "CID: expected %s, found %q", parsed, s)
	}
	return parsed, nil
}

// FromBytes reads the 36 bytes of a CID.
func FromBytes(b []byte) (CID, error) {
	if err := checkCID(b); err != nil {
		return CID{}, err
	}
	c, err := cid.Cast(b)
	if err != nil {
		return CID{}, fault.New(fault.Invalid, "CID: %w", err)
	}
	return CID{c}, nil
}

func checkCID(b []byte) error {
	if len(b) != CIDSize {
		return fault.New(fault.Invalid, "CID: expected %d bytes, found %d", CIDSize, len(b))
	}
	if b[0] != 1 || (b[1] != cid.DagCBOR && b[1] != cid.Raw) || b[2] != multihash.SHA2_256 || b[3] != sha256.Size {
		return fault.New(fault.Invalid, "CID: expected version 1, dag-cbor or raw, sha2-256; found % x", b[:4])
	}
	return nil
}

// Check reports whether block is the one c names, whichever codec c has.
func Check(c CID, block []byte) error {
	if !c.Defined() {
		return fault.New(fault.Invalid, "block: expected a CID to check it against, found none")
	}
	if len(block) > MaxBlock {
		return fault.New(fault.Invalid, "block %s: expected at most %d bytes, found %d", c, MaxBlock, len(block))
	}
	if found := sum(c.codec(), sha256.Sum256(block)); found != c {
		return fault.New(fault.Invalid, "block: expected %s, found %s", c, found)
	}
	return nil
}

// Defined reports whether c names anything.
func (c CID) Defined() bool { return c.c.Defined() }

// Raw reports whether c names a block of plain bytes.
func (c CID) Raw() bool { return c.Defined() && c.codec() == cid.Raw }

func (c CID) codec() byte { return c.c.KeyString()[1] }

// String returns the text form, "" when undefined.
func (c CID) String() string {
	if !c.Defined() {
		return ""
	}
	return c.c.String()
}

// Bytes returns the 36 bytes, nil when undefined. They are the caller's.
func (c CID) Bytes() []byte {
	if !c.Defined() {
		return nil
	}
	return c.c.Bytes()
}

// Compare orders CIDs by their bytes, the undefined one first.
func (c CID) Compare(other CID) int {
	a, b := c.c.KeyString(), other.c.KeyString()
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// MarshalText returns the text form; it serves JSON too.
func (c CID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the text form; "" is the undefined CID.
func (c *CID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = CID{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// link is what a CID's bytes follow in CBOR: tag 42, a byte string of 37 bytes,
// the multibase prefix for binary.
var (
	link = []byte{0xd8, 0x2a, 0x58, CIDSize + 1, 0x00}
	null = []byte{0xf6}
)

// MarshalCBOR encodes c as a link, the undefined CID as null.
func (c CID) MarshalCBOR() ([]byte, error) {
	if !c.Defined() {
		return null, nil
	}
	b := make([]byte, 0, len(link)+CIDSize)
	b = append(b, link...)
	return append(b, c.c.KeyString()...), nil
}

// UnmarshalCBOR reads a link or null.
func (c *CID) UnmarshalCBOR(b []byte) error {
	if bytes.Equal(b, null) {
		*c = CID{}
		return nil
	}
	if len(b) != len(link)+CIDSize || !bytes.HasPrefix(b, link) {
		return fault.New(fault.Invalid, "link: expected tag 42 over %d bytes, found %d bytes", CIDSize+1, len(b))
	}
	parsed, err := FromBytes(b[len(link):])
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
