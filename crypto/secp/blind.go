package secp

import (
	"crypto/rand"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/milagro-dta/dta/crypto/secret"
)

// decred's multiplication and inversion take a time that depends on the scalar,
// and the inversion leaves copies of it behind. Neither is therefore given a
// secret here, but random parts of it, fresh every time, each of which is
// uniform whatever the secret is.

// baseMult returns k·G in affine coordinates, as b·G + (k − b)·G.
func baseMult(k *secp256k1.ModNScalar) secp256k1.JacobianPoint {
	b := randomScalar()
	defer b.Zero()
	rest := new(secp256k1.ModNScalar).NegateVal(b).Add(k)
	defer rest.Zero()

	var first, second, sum secp256k1.JacobianPoint
	secp256k1.ScalarBaseMultNonConst(b, &first)
	secp256k1.ScalarBaseMultNonConst(rest, &second)
	secp256k1.AddNonConst(&first, &second, &sum)
	sum.ToAffine()
	return sum
}

// inverse returns 1/k, as b · 1/(k·b).
func inverse(k *secp256k1.ModNScalar) *secp256k1.ModNScalar {
	b := randomScalar()
	defer b.Zero()
	return new(secp256k1.ModNScalar).Mul2(k, b).InverseNonConst().Mul(b)
}

// randomScalar returns a uniform scalar other than zero.
func randomScalar() *secp256k1.ModNScalar {
	var b [PrivateKeySize]byte
	defer secret.Clear(b[:])
	for {
		rand.Read(b[:])
		s := new(secp256k1.ModNScalar)
		if overflow := s.SetByteSlice(b[:]); !overflow && !s.IsZero() {
			return s
		}
	}
}
