package order

import (
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/vss"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// A share travels from principal to custody identity as
//
//	SealTo(custody, "dta/share/v1" ‖ CID(terms) ‖ principal ‖ custody identity, index, s‖r)
//
// and the secret beside it as
//
//	Encrypt(HKDF(seed, CID(terms), "dta/secret/v1"), CID(terms), secret)
//
// Names are those of the identities, 36 bytes each; the index has four.

func sealShare(suite seal.Suite, terms, principal dag.CID, custody *identity.Identity, index int, s *vss.Share) (Block, error) {
	plain := s.Bytes()
	defer plain.Clear()
	sealed, err := suite.SealTo(custody.SealingKey(), shareInfo(terms, principal, custody.Name), IndexAAD(index), plain.Open())
	if err != nil {
		return Block{}, err
	}
	return putDetached(detachedShare, sealed)
}

// OpenShare is the custody identity's: it opens share index of a verified order
// from the block that the order links, and checks it against the commitments
// of the terms. fault.Denied when the keyring is another's.
func OpenShare(k *identity.Keyring, o *VerifiedOrder, index int, block []byte) (_ *vss.Share, err error) {
	defer fault.Explain("open share", &err)
	if err := checkVerifiedOrder(o); err != nil {
		return nil, err
	}
	if err := o.CheckCustodian(k.Identity(), index); err != nil {
		return nil, err
	}
	t := &o.body.Terms
	if t.What != Secret {
		return nil, fault.New(fault.Invalid, "an ordered %s has no shares", t.What)
	}
	sealed, err := getDetached(o.body.Shares[index], block, detachedShare)
	if err != nil {
		return nil, err
	}
	custody := t.Fiduciaries[index].Custody
	plain, err := k.OpenAt(custody.Document, shareInfo(o.termsCID, t.Principal, custody.Name), IndexAAD(index), sealed)
	if err != nil {
		return nil, fault.New(fault.Invalid, "share %d: %w", index, err)
	}
	defer plain.Clear()
	return checkShare(t, index, plain)
}

// checkShare reads share index and holds it to the commitments.
func checkShare(t *Terms, index int, plain *secret.Bytes) (*vss.Share, error) {
	s, err := vss.Open(t.Commitments, index+1, plain)
	if err != nil {
		return nil, fault.New(fault.Invalid, "share %d: %w", index, err)
	}
	return s, nil
}

func encryptSecret(suite seal.Suite, terms dag.CID, seed, given *secret.Bytes) (Block, error) {
	key := suite.Derive(seed, terms.Bytes(), tagSecret, seal.KeySize)
	defer key.Clear()
	sealed, err := suite.Encrypt(key, terms.Bytes(), given.Open())
	if err != nil {
		return Block{}, err
	}
	return putDetached(detachedCiphertext, sealed)
}

func decryptSecret(suite seal.Suite, terms dag.CID, seed *secret.Bytes, sealed []byte) (*secret.Bytes, error) {
	key := suite.Derive(seed, terms.Bytes(), tagSecret, seal.KeySize)
	defer key.Clear()
	return suite.Decrypt(key, terms.Bytes(), sealed)
}
