package dleq

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
)

// ErrPossession says that a proof of possession is well formed and wrong.
var ErrPossession = errors.New("proof of possession does not verify")

// ProvePossession returns the proof, Size bytes, that whoever made it knows the
// x behind x·G, bound to context (Schnorr, CRYPTO '89). It refuses zero.
func ProvePossession(x *bls.Scalar, context []byte) ([]byte, error) {
	if x.IsZero() {
		return nil, errors.New("prove possession: the scalar is zero")
	}
	s := possession(bls.G1Generator().Mul(x), context)
	k := nonce(x, s)
	defer k.Clear()
	return answer(x, k, possessionChallenge(s, bls.G1Generator().Mul(k))), nil
}

// VerifyPossession checks what ProvePossession made for commitment = x·G. Where
// the proof is well formed and wrong the error is ErrPossession.
func VerifyPossession(commitment *bls.G1, context, proof []byte) error {
	if commitment == nil || commitment.IsIdentity() {
		return errors.New("verify possession: the commitment is the identity")
	}
	c, z, err := parse(proof)
	if err != nil {
		return fmt.Errorf("verify possession: %w", err)
	}
	r := bls.G1Generator().Mul(z).Add(commitment.Mul(c))
	if !possessionChallenge(possession(commitment, context), r).Equal(c) {
		return ErrPossession
	}
	return nil
}

// possession is the hash of the statement.
func possession(commitment *bls.G1, context []byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte(tagPossession), uint64(len(context)))
	b = append(append(b, context...), commitment.Bytes()...)
	h := sha256.Sum256(b)
	return h[:]
}

func possessionChallenge(statement []byte, r *bls.G1) *bls.Scalar {
	return bls.HashToScalar(append(statement[:len(statement):len(statement)], r.Bytes()...), tagPossession)
}
