package secp

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Tags keep the hashes of a proof apart from each other and from signatures: a
// key that signs anything it is asked to makes no proof by it.
const (
	tagPossession = "DTA-V1-POSSESSION_secp256k1_SHA-256_"
	tagNonce      = "dta/secp256k1/possession/v1/nonce"
)

// ProofSize is the length of a proof of possession: c ‖ z.
const ProofSize = 64

// ErrPossession says that a proof of possession is well formed and wrong.
var ErrPossession = errors.New("secp256k1 proof of possession does not verify")

// ProvePossession returns the proof that its maker knows the private key, bound
// to context (Schnorr, CRYPTO '89).
func (k *PrivateKey) ProvePossession(context []byte) []byte {
	s := possession(k.pub, context)
	nonce := k.nonce(s)
	defer nonce.Zero()
	r := baseMult(nonce)
	c := possessionChallenge(s, &r)
	z := new(secp256k1.ModNScalar).Mul2(c, k.box.Open()).Negate().Add(nonce)

	proof := make([]byte, ProofSize)
	c.PutBytesUnchecked(proof[:32])
	z.PutBytesUnchecked(proof[32:])
	return proof
}

// VerifyPossession checks a proof for a compressed public key. Where the proof is
// well formed and wrong the error is ErrPossession.
func VerifyPossession(pub, context, proof []byte) error {
	key, err := parsePublicKey(pub)
	if err != nil {
		return err
	}
	if len(proof) != ProofSize {
		return fmt.Errorf("verify secp256k1 possession: expected a proof of %d bytes, found %d", ProofSize, len(proof))
	}
	var c, z secp256k1.ModNScalar
	if c.SetByteSlice(proof[:32]) || z.SetByteSlice(proof[32:]) {
		return errors.New("verify secp256k1 possession: c or z is not below the group order")
	}
	var point, first, second, r secp256k1.JacobianPoint
	key.AsJacobian(&point)
	secp256k1.ScalarBaseMultNonConst(&z, &first)
	secp256k1.ScalarMultNonConst(&c, &point, &second)
	secp256k1.AddNonConst(&first, &second, &r)
	if (r.X.IsZero() && r.Y.IsZero()) || r.Z.IsZero() {
		return ErrPossession // the identity, for which there is no encoding
	}
	r.ToAffine()
	if !possessionChallenge(possession(pub, context), &r).Equals(&c) {
		return ErrPossession
	}
	return nil
}

// possession is the hash of the statement.
func possession(pub, context []byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte(tagPossession), uint64(len(context)))
	h := sha256.Sum256(append(append(b, context...), pub...))
	return h[:]
}

// possessionChallenge takes r in affine coordinates. The group order is so close
// to 2^256 that the hash modulo it is uniform within 2^-127.
func possessionChallenge(statement []byte, r *secp256k1.JacobianPoint) *secp256k1.ModNScalar {
	encoded := secp256k1.NewPublicKey(&r.X, &r.Y).SerializeCompressed()
	h := sha256.Sum256(bytes.Join([][]byte{[]byte(tagPossession), statement, encoded}, nil))
	c := new(secp256k1.ModNScalar)
	c.SetBytes(&h)
	return c
}

// nonce is a hash of the key, of fresh randomness and of the statement. Either of
// the first two is enough to keep it secret, and without randomness it would
// still not serve two statements.
func (k *PrivateKey) nonce(statement []byte) *secp256k1.ModNScalar {
	key, fresh := k.Bytes(), secret.Random(32)
	defer key.Clear()
	defer fresh.Clear()
	ikm := secret.New(append(append(make([]byte, 0, 64), key.Open()...), fresh.Open()...))
	defer ikm.Clear()
	b, err := hkdf.Key(sha256.New, ikm.Open(), statement, tagNonce, 32)
	if err != nil {
		panic(err) // only for lengths out of range
	}
	defer secret.Clear(b)
	n := new(secp256k1.ModNScalar)
	n.SetByteSlice(b)
	return n
}
