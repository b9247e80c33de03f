// Package dleq proves, without giving x away, that many points of G1 were
// multiplied by the one scalar x behind a commitment P = x·G.
//
// It is Chaum and Pedersen's proof ("Wallet databases with observers", CRYPTO
// '92) that log_G(P) = log_M(Z), made non-interactive after Fiat and Shamir. Of
// a batch A_1 … A_n with results D_i = x·A_i the proof is about one pair, the
// composites M = Σ d_i·A_i and Z = Σ d_i·D_i, as in RFC 9497 §2.2: if some D_i is
// wrong, coefficients of 128 bits that come from a hash of everything leave a
// chance of 2^-128 that the composites fit.
//
// A proof belongs to its context: what was proven for one purpose, request or
// receiver verifies for no other. Every field is hashed with its length before
// it.
//
// Possession is the smaller statement: whoever made the commitment knows x
// (Schnorr).
//
// A proof tells whoever holds it that the results are right. Where a result is
// a secret with little entropy missing, as an M-Pin token is, that makes a test
// for guesses: such proofs are to be checked and forgotten.
package dleq

import (
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
)

const (
	// Size of every proof in bytes: the challenge c and the answer z, 32 bytes
	// big-endian each, below the group order.
	Size = 2 * bls.ScalarSize

	// MaxPairs bounds a batch.
	MaxPairs = 8192
)

// ErrProof says that a proof is well formed and wrong: for these points, this
// commitment or this context.
var ErrProof = errors.New("proof of equal logarithms does not verify")

// Prove returns the proof that ds[i] = x·as[i] for all i and commitment = x·G,
// bound to context. It believes the caller that they are; Verify does not.
//
// What uses x and the nonce takes constant time. The composite of as does not: it
// depends on as, which are public, and on coefficients, a hash of everything. The
// results, which may be secret, are hashed and not computed with.
//
// It refuses an empty batch, more than MaxPairs pairs, different numbers of as
// and ds, identities and x = 0.
func Prove(x *bls.Scalar, commitment *bls.G1, as, ds []*bls.G1, context []byte) ([]byte, error) {
	return ProveOver(bls.G1Generator(), x, commitment, as, ds, context)
}

// Verify checks what Prove made. Where the proof is well formed and wrong the
// error is ErrProof.
//
// Its time is not constant: the composites are sums of products over as and ds,
// and ds may be secret. That is accepted where it is used. What the time follows
// are the coefficients, a hash of everything; and secret ds belong to the very
// party that verifies, as what was issued to it or by it. Nobody else may be able
// to time it closely.
func Verify(commitment *bls.G1, as, ds []*bls.G1, context, proof []byte) error {
	return VerifyOver(bls.G1Generator(), commitment, as, ds, context, proof)
}

// ProveOver is Prove for commitment = x·base.
func ProveOver(base *bls.G1, x *bls.Scalar, commitment *bls.G1, as, ds []*bls.G1, context []byte) ([]byte, error) {
	if x.IsZero() {
		return nil, errors.New("prove equal logarithms: the scalar is zero")
	}
	s, err := newStatement(base, commitment, as, ds, context)
	if err != nil {
		return nil, fmt.Errorf("prove equal logarithms: %w", err)
	}
	m := bls.SumOfProducts(as, s.coefficients())
	k := nonce(x, s.seed[:])
	defer k.Clear()
	return answer(x, k, s.challenge(base.Mul(k), m.Mul(k))), nil
}

// VerifyOver checks what ProveOver made for the same base.
func VerifyOver(base, commitment *bls.G1, as, ds []*bls.G1, context, proof []byte) error {
	c, answer, err := parse(proof)
	if err != nil {
		return fmt.Errorf("verify equal logarithms: %w", err)
	}
	s, err := newStatement(base, commitment, as, ds, context)
	if err != nil {
		return fmt.Errorf("verify equal logarithms: %w", err)
	}
	d := s.coefficients()
	m, z := bls.SumOfProducts(as, d), bls.SumOfProducts(ds, d)

	// With R = z·base + c·P and R' = z·M + c·Z the challenge must come out again.
	r := base.Mul(answer).Add(commitment.Mul(c))
	rm := m.Mul(answer).Add(z.Mul(c))
	if !s.challenge(r, rm).Equal(c) {
		return ErrProof
	}
	return nil
}

func checkPoints(name string, points []*bls.G1) error {
	for i, p := range points {
		if p == nil || p.IsIdentity() {
			return fmt.Errorf("%s %d is the identity", name, i)
		}
	}
	return nil
}
