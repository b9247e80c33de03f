package peer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// MaxBlocks bounds the blocks of one call.
const MaxBlocks = 512

// Bag is the blocks that travel inside a call, in JSON a list of base64
// strings. A block is known by the CID computed from its bytes, never by what
// the sender calls it.
//
// A copy shares its blocks: what is added to it the original's Get may find, while
// its list does not have it. Whoever extends another's bag takes With, not Add.
type Bag struct {
	blocks map[dag.CID][]byte
	order  []dag.CID
}

// NewBag holds the blocks given.
func NewBag(blocks ...[]byte) Bag {
	var b Bag
	b.Add(blocks...)
	return b
}

// Add puts further blocks in; one that is there already is not added twice.
func (b *Bag) Add(blocks ...[]byte) {
	if b.blocks == nil {
		b.blocks = make(map[dag.CID][]byte, len(blocks))
	}
	for _, block := range blocks {
		c := dag.Sum(block)
		if _, ok := b.blocks[c]; !ok {
			b.blocks[c] = block
			b.order = append(b.order, c)
		}
	}
}

// With returns a bag that holds further blocks; b stays as it is.
func (b Bag) With(blocks ...[]byte) Bag {
	var out Bag
	for _, c := range b.order {
		out.Add(b.blocks[c])
	}
	out.Add(blocks...)
	return out
}

// Get finds a block by its CID.
func (b Bag) Get(c dag.CID) ([]byte, bool) {
	block, ok := b.blocks[c]
	return block, ok
}

// Blocks lists the blocks in the order in which they came.
func (b Bag) Blocks() [][]byte {
	out := make([][]byte, 0, len(b.order))
	for _, c := range b.order {
		out = append(out, b.blocks[c])
	}
	return out
}

// Digest names the set of blocks in the order in which they came.
func (b Bag) Digest() string {
	h := sha256.New()
	for _, c := range b.order {
		h.Write(c.Bytes())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Len counts the blocks.
func (b Bag) Len() int { return len(b.order) }

// MarshalJSON lists the blocks in the order in which they were added.
func (b Bag) MarshalJSON() ([]byte, error) {
	list := make([]string, 0, len(b.order))
	for _, c := range b.order {
		list = append(list, base64.StdEncoding.EncodeToString(b.blocks[c]))
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list of base64 strings: at most [MaxBlocks], each at
// most [dag.MaxBlock] bytes.
func (b *Bag) UnmarshalJSON(text []byte) error {
	// Before they are decoded: the shortest takes two bytes here, and forty there.
	if n := bytes.Count(text, []byte{','}) + 1; n > MaxBlocks {
		return fault.New(fault.Invalid, "blocks: expected at most %d; found %d", MaxBlocks, n)
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return fault.New(fault.Invalid, "blocks: expected a list of base64 strings")
	}
	*b = Bag{}
	for i, s := range list {
		block, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return fault.New(fault.Invalid, "blocks[%d]: expected base64", i)
		}
		if len(block) == 0 || len(block) > dag.MaxBlock {
			return fault.New(fault.Invalid, "blocks[%d]: expected 1 to %d bytes; found %d", i, dag.MaxBlock, len(block))
		}
		b.Add(block)
	}
	return nil
}
