package order

import (
	"encoding/binary"

	"github.com/milagro-dta/dta/protocol/dag"
)

// The tags under which things are sealed or signed for an order. What follows
// a tag has a fixed length: a CID is 36 bytes.
const (
	tagShare   = "dta/share/v1"
	tagRelease = "dta/release/v1"
	tagReply   = "dta/reply/v1"
	tagSecret  = "dta/secret/v1"
	tagKey     = "dta/order/key/v1"
	tagNetwork = "dta/order/network/v1"
)

// shareInfo binds a share to its terms, its principal and its custody identity.
func shareInfo(terms, principal, custody dag.CID) []byte {
	return bind(tagShare, terms, principal, custody)
}

// releaseInfo binds a release to its terms, its redemption and its receiver.
func releaseInfo(terms, redemption, receiver dag.CID) []byte {
	return bind(tagRelease, terms, redemption, receiver)
}

func bind(tag string, to ...dag.CID) []byte {
	info := []byte(tag)
	for _, c := range to {
		info = append(info, c.Bytes()...)
	}
	return info
}

// IndexAAD is a fiduciary's place in the terms, four bytes big-endian.
func IndexAAD(index int) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(index))
}
