package order

import (
	"bytes"

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
