package order

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Block is a block and its name.
type Block struct {
	CID   dag.CID
	Bytes []byte
}

// The kinds of detached blocks; a closed list.
const (
	detachedShare      = "share"
	detachedRelease    = "release"
	detachedCiphertext = "ciphertext"
	detachedGrant      = "grant"
	detachedDeposit    = "deposit"
	detachedSubjects   = "subjects"
)

// detached carries what is sealed, beside the chain. It is not signed: the CID
// in a signed body vouches for it.
type detached struct {
	Version uint64 `cbor:"version"`
	Kind    string `cbor:"kind"`
	Sealed  []byte `cbor:"sealed"`
}

func putDetached(kind string, sealed []byte) (Block, error) {
	c, block, err := dag.Put(detached{Version: Version, Kind: kind, Sealed: sealed})
	return Block{CID: c, Bytes: block}, err
}

// getDetached opens the block that a signed body links as want.
func getDetached(want dag.CID, block []byte, kind string) ([]byte, error) {
	if err := dag.Check(want, block); err != nil {
		return nil, fault.New(fault.Invalid, "%s block: %w", kind, err)
	}
	var d detached
	if err := dag.Decode(block, &d); err != nil {
		return nil, fault.New(fault.Invalid, "%s block: %w", kind, err)
	}
	if d.Version != Version {
		return nil, fault.New(fault.Unsupported, "%s block: expected version %d, found %d", kind, Version, d.Version)
	}
	if d.Kind != kind {
		return nil, fault.New(fault.Invalid, "expected a %s block, found %.40q", kind, d.Kind)
	}
	return d.Sealed, nil
}

// PutGrant makes the detached block of what a network's D-TA issued, sealed.
func PutGrant(sealed []byte) (Block, error) { return putDetached(detachedGrant, sealed) }

// GetGrant opens the block that a grant links as want.
func GetGrant(want dag.CID, block []byte) ([]byte, error) {
	return getDetached(want, block, detachedGrant)
}

// PutDeposit makes the detached block of a deposit, which an acceptance links. It
// opens only in the realm of the custody identity that made it.
func PutDeposit(deposit []byte) (Block, error) { return putDetached(detachedDeposit, deposit) }

// GetDeposit opens the block that an acceptance links as want.
func GetDeposit(want dag.CID, block []byte) ([]byte, error) {
	return getDetached(want, block, detachedDeposit)
}

// PutSubjects makes the detached block of whom a network's request is for,
// encrypted.
func PutSubjects(sealed []byte) (Block, error) { return putDetached(detachedSubjects, sealed) }

// GetSubjects opens the block that a request links as want.
func GetSubjects(want dag.CID, block []byte) ([]byte, error) {
	return getDetached(want, block, detachedSubjects)
}
