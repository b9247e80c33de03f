package order

import (
	"slices"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// A redeemer who is the receiver sends one fresh sealing key for each fiduciary
// that it asks. All come from one root, which never leaves the redeemer:
//
//	seed_i = HKDF(root, "dta/reply/v1" ‖ i)
//
// where i is the fiduciary's place in the terms, four bytes big-endian, and the
// seed has 32 bytes. The seed of one key may be published as evidence against its
// fiduciary: it opens nothing that another has released.

// ReplyRootSize is the size in bytes of the root of a redemption's reply keys.
const ReplyRootSize = 32

// DeriveReplyKey makes the reply key for fiduciary index from the root that
// Redeem returned. The caller clears it.
func DeriveReplyKey(suite seal.Suite, root *secret.Bytes, index int) (*seal.PrivateKey, error) {
	if root.Len() != ReplyRootSize {
		return nil, fault.New(fault.Invalid, "expected a root of reply keys of %d bytes, found %d", ReplyRootSize, root.Len())
	}
	seed := suite.Derive(root, nil, tagReply+string(IndexAAD(index)), seal.KeySize)
	defer seed.Clear()
	return suite.ParsePrivateKey(seed)
}

// replyKeys makes the public keys for the fiduciaries asked, in their order.
func replyKeys(suite seal.Suite, root *secret.Bytes, asked []uint64) ([][]byte, error) {
	keys := make([][]byte, 0, len(asked))
	for _, place := range asked {
		key, err := DeriveReplyKey(suite, root, int(place))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key.Public())
		key.Clear()
	}
	return keys, nil
}

// ReplyKey is the sealing key made for the fiduciary of an acceptance, or nil where
// the redemption brings none.
func (r *VerifiedRedemption) ReplyKey(a *VerifiedAcceptance) []byte {
	i := r.asked(a)
	if i < 0 || i >= len(r.body.ReplyKeys) {
		return nil
	}
	return slices.Clone(r.body.ReplyKeys[i])
}

// HasReplyKeys tells whether what is released comes back under keys made for the
// redemption alone, and not under the receiver's own.
func (r *VerifiedRedemption) HasReplyKeys() bool { return len(r.body.ReplyKeys) > 0 }
