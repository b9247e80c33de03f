package order

import (
	"bytes"
	"crypto/sha256"

	"github.com/milagro-dta/dta/crypto/secp"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Commitment is what an acceptance says of the material that it keeps.
type Commitment struct {
	Value []byte // secret: the first commitment of the terms; key: the public key; network: s_i·P
	Proof []byte // secret: empty; key, network: proof of possession
}

// SecretCommitment is the commitment of every acceptance of a secret.
func (o *VerifiedOrder) SecretCommitment() Commitment {
	if len(o.body.Terms.Commitments) == 0 {
		return Commitment{}
	}
	return Commitment{Value: bytes.Clone(o.body.Terms.Commitments[0])}
}

// ProveKey commits a custody identity to the key that it made for an order. The
// proof of possession is the key's own signature (64 bytes r‖s) over
// SHA-256("dta/order/key/v1" ‖ CID(terms) ‖ custody name): it proves the key
// for this order and this custody identity only.
func ProveKey(o *VerifiedOrder, custody dag.CID, key *secp.PrivateKey) Commitment {
	return Commitment{Value: key.Public(), Proof: key.Sign(keyDigest(o.termsCID, custody))}
}

func keyDigest(terms, custody dag.CID) [sha256.Size]byte {
	return sha256.Sum256(bind(tagKey, terms, custody))
}

func checkCommitment(o *VerifiedOrder, custody dag.CID, c Commitment) error {
	switch o.body.Terms.What {
	case Key:
		return checkKeyCommitment(o, custody, c)
	case Network:
		return checkShareCommitment(o, custody, c)
	}
	if !bytes.Equal(c.Value, o.body.Terms.Commitments[0]) {
		return fault.New(fault.Invalid, "commitment differs from the first of the terms")
	}
	if len(c.Proof) != 0 {
		return fault.New(fault.Invalid, "expected no proof beside the commitment of a secret, found %d bytes", len(c.Proof))
	}
	return nil
}

func checkKeyCommitment(o *VerifiedOrder, custody dag.CID, c Commitment) error {
	if err := secp.CheckPublicKey(c.Value); err != nil {
		return fault.New(fault.Invalid, "commitment: %w", err)
	}
	if err := secp.Verify(c.Value, keyDigest(o.termsCID, custody), c.Proof); err != nil {
		return fault.New(fault.Invalid, "commitment: proof of possession: %w", err)
	}
	return nil
}
