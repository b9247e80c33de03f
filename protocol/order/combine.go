package order

import (
	"errors"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Combine recovers the secret from at least t shares and the ciphertext that
// the order links. Every share is checked against the commitments first: when
// any is bad, nothing is combined and the error is a *BadFiduciaries naming
// each of theirs. OpenReleasedShare refuses bad shares before they come here. The
// shares stay the caller's to clear.
func Combine(o *VerifiedOrder, shares []*vss.Share, ciphertext []byte) (_ *secret.Bytes, err error) {
	if err := checkVerifiedOrder(o); err != nil {
		return nil, err
	}
	t := &o.body.Terms
	if t.What != Secret {
		return nil, fault.New(fault.Invalid, "an ordered %s is not combined", t.What)
	}
	sealed, err := getDetached(o.body.Ciphertext, ciphertext, detachedCiphertext)
	if err != nil {
		return nil, err
	}
	suite, err := seal.ByName(t.Suite)
	if err != nil {
		return nil, err
	}
	seed, err := vss.Combine(t.Commitments, shares)
	if err != nil {
		return nil, o.blameShares(err)
	}
	defer seed.Clear()
	plain, err := decryptSecret(suite, o.termsCID, seed, sealed)
	if err != nil {
		// Every share is as committed: the principal's own ciphertext is not.
		return nil, fault.New(fault.Invalid, "the secret's ciphertext does not open under its combined key: %w", err)
	}
	if uint64(plain.Len()) != t.Size {
		defer plain.Clear()
		return nil, fault.New(fault.Invalid, "expected a secret of %d bytes, found %d", t.Size, plain.Len())
	}
	return plain, nil
}

func (o *VerifiedOrder) blameShares(err error) error {
	var bad *vss.BadShareError
	if !errors.As(err, &bad) {
		return fault.New(fault.Invalid, "combine: %w", err)
	}
	b := &BadFiduciaries{Order: o.cid, cause: err}
	for _, point := range bad.Indices {
		f, err := o.fiduciary(point - 1)
		if err != nil {
			return fault.New(fault.Invalid, "combine: %w", err)
		}
		b.Bad = append(b.Bad, BadFiduciary{Index: point - 1, Custody: f.Custody.Name, Reason: NotAsAccepted})
	}
	return b
}
