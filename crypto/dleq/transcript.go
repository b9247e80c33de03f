package dleq

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Tags keep the uses of hashes apart, and from those of other packages.
const (
	tagStatement   = "dta/dleq/v1/statement"
	tagCoefficient = "dta/dleq/v1/coefficient"
	tagChallenge   = "DTA-V1-DLEQ_BLS12381SCALAR_XMD:SHA-256_"
	tagNonce       = "dta/dleq/v1/nonce"
	tagPossession  = "DTA-V1-POSSESSION_BLS12381SCALAR_XMD:SHA-256_"
)

// statement is what a proof is about; seed is the hash of all of it.
type statement struct {
	n    int
	seed [sha256.Size]byte
}

func newStatement(base, commitment *bls.G1, as, ds []*bls.G1, context []byte) (*statement, error) {
	switch {
	case len(as) == 0:
		return nil, errors.New("no points")
	case len(as) > MaxPairs:
		return nil, fmt.Errorf("expected at most %d pairs, found %d", MaxPairs, len(as))
	case len(as) != len(ds):
		return nil, fmt.Errorf("%d points and %d results", len(as), len(ds))
	case base == nil || base.IsIdentity():
		return nil, errors.New("the base is the identity")
	case commitment == nil || commitment.IsIdentity():
		return nil, errors.New("the commitment is the identity")
	}
	if err := checkPoints("point", as); err != nil {
		return nil, err
	}
	if err := checkPoints("result", ds); err != nil {
		return nil, err
	}

	h := sha256.New()
	field := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	field([]byte(tagStatement))
	field(context)
	field(base.Bytes())
	field(commitment.Bytes())
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(as))))
	for _, points := range [][]*bls.G1{as, ds} {
		for _, b := range bls.EncodeG1(points) {
			field(b)
			secret.Clear(b) // results may be secret
		}
	}
	s := &statement{n: len(as)}
	h.Sum(s.seed[:0])
	return s, nil
}

// coefficients returns d_1 … d_n, after ComputeComposites of RFC 9497 §2.2.1:
// d_i is the hash of the seed, which binds every point, and of i.
func (s *statement) coefficients() [][bls.CoefficientSize]byte {
	out := make([][bls.CoefficientSize]byte, s.n)
	in := append([]byte{byte(len(tagCoefficient))}, tagCoefficient...)
	in = append(in, s.seed[:]...)
	for i := range out {
		h := sha256.Sum256(binary.BigEndian.AppendUint64(in, uint64(i)))
		copy(out[i][:], h[:])
	}
	return out
}

// challenge hashes the statement and the prover's commitments to its nonce. The
// composites follow from the statement, so that they need no place in the hash
// and the prover need not compute Z.
func (s *statement) challenge(r, rm *bls.G1) *bls.Scalar {
	msg := s.seed[:]
	for _, b := range bls.EncodeG1([]*bls.G1{r, rm}) {
		msg = append(msg[:len(msg):len(msg)], b...)
	}
	return bls.HashToScalar(msg, tagChallenge)
}
