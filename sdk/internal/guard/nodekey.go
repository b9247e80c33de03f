package guard

import (
	"context"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
)

// nodeKeySize is that of the key under which a host keeps its own identity, in bytes.
const nodeKeySize = 32

// MakeKey makes a key for the host's own use, and the deposit that gives it back. It needs no enrolment: a node has
// an identity before its plugins have.
func (g *Guard) MakeKey(ctx context.Context, operation string) (key *secret.Bytes, deposit []byte, err error) {
	key = secret.Random(nodeKeySize)
	deposit, err = g.keep(ctx, binding{Purpose: NodeIdentity}, About{Operation: operation}, key)
	if err != nil {
		key.Clear()
		return nil, nil, err
	}
	return key, deposit, nil
}

// OpenKey gives such a key back. Deposits of every other purpose are denied.
func (g *Guard) OpenKey(ctx context.Context, operation string, deposit []byte) (*secret.Bytes, error) {
	key, err := g.open(ctx, binding{Purpose: NodeIdentity}, About{Operation: operation}, deposit)
	if err != nil {
		return nil, err
	}
	if key.Len() != nodeKeySize {
		key.Clear()
		return nil, fault.New(fault.Invalid, "the deposit holds no key of %d bytes", nodeKeySize)
	}
	return key, nil
}
