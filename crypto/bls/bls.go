// Package bls signs with BLS12-381 and decodes its groups' elements strictly.
//
// Signatures are "minimal-pubkey-size": public keys in G1 (48 bytes), signatures
// in G2 (96 bytes), after draft-irtf-cfrg-bls-signature with hashing to the
// curve after RFC 9380. The scheme is proof of possession: a key is to be
// believed only with the proof that VerifyPossession accepts; without it,
// aggregated signatures can be forged by rogue keys.
//
// Every signature belongs to a Domain, which becomes part of its domain
// separation tag: what was signed as one kind of thing never verifies as
// another.
//
// G1, G2 and Scalar are the checked codecs for everything else that computes in
// these groups. Parsing accepts one encoding per element, the compressed one of
// ZCash (48 and 96 bytes, flags in the top three bits) for points and 32 bytes
// big-endian below the group order for scalars; points are on the curve, in the
// subgroup of order r and, unless asked otherwise, not the identity.
//
// Operations on a Scalar and multiplications by one take constant time (blst).
package bls

import (
	"errors"
	"fmt"

	blst "github.com/supranational/blst/bindings/go"
)

// Algorithm names this signature scheme where signatures are listed.
const Algorithm = "bls12381-min-pk-pop"

// Sizes in bytes.
const (
	PrivateKeySize = 32
	PublicKeySize  = 48
	SignatureSize  = 96

	ScalarSize = 32
	G1Size     = 48
	G2Size     = 96
)

// Domain says what kind of thing is signed.
type Domain string

const (
	DomainDocument   Domain = "DOCUMENT"   // identity documents
	DomainEnvelope   Domain = "ENVELOPE"   // envelopes of every kind
	DomainRequest    Domain = "REQUEST"    // a party proving itself in a call
	DomainCheckpoint Domain = "CHECKPOINT" // heads of the audit log
	DomainApproval   Domain = "APPROVAL"   // requests of a network, signed by its authority
	DomainDelegation Domain = "DELEGATION" // authority handed on
)

// suiteID is the hash-to-curve suite and scheme that end every tag.
const suiteID = "BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

// possessionTag is the tag that the IETF draft (§4.2.3) prescribes for proofs.
var possessionTag = []byte("BLS_POP_" + suiteID)

func (d Domain) tag() []byte { return []byte("DTA-V1-" + string(d) + "-" + suiteID) }

// ErrSignature says that a signature is well formed and wrong.
var ErrSignature = errors.New("BLS signature does not verify")

// negatedGenerator is −G of G1.
var negatedGenerator = new(blst.P1).Sub(blst.P1Generator()).ToAffine()

// verify checks e(pk, H(msg)) · e(−G, sig) = 1, both Miller loops run as one, on
// the calling goroutine. blst's own Verify starts workers and runs two loops,
// which takes about a fifth more processor time for a single signature.
//
// pk was checked when it was parsed.
func verify(pk *blst.P1Affine, msg, tag, sig []byte) error {
	s, err := parseSignature(sig)
	if err != nil {
		return fmt.Errorf("verify BLS signature: %w", err)
	}
	ctx := blst.PairingCtx(true, nil)
	blst.PairingRawAggregate(ctx, blst.HashToG2(msg, tag).ToAffine(), pk)
	blst.PairingRawAggregate(ctx, s, negatedGenerator)
	blst.PairingCommit(ctx)
	if !blst.PairingFinalVerify(ctx) {
		return ErrSignature
	}
	return nil
}

func parseSignature(sig []byte) (*blst.P2Affine, error) {
	s := new(blst.P2Affine)
	return s, parseG2(s, sig)
}
