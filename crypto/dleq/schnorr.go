package dleq

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// nonce returns k for the proof of a statement: the hash of x, of fresh
// randomness and of the statement. Either of the first two is enough to keep it
// secret, and without randomness it would still not serve two statements.
func nonce(x *bls.Scalar, statement []byte) *bls.Scalar {
	key, fresh := x.Bytes(), secret.Random(32)
	defer key.Clear()
	defer fresh.Clear()
	ikm := secret.New(append(append(make([]byte, 0, 64), key.Open()...), fresh.Open()...))
	defer ikm.Clear()
	wide, err := hkdf.Key(sha256.New, ikm.Open(), statement, tagNonce, 48)
	if err != nil {
		panic(err) // Only for lengths out of range.
	}
	defer secret.Clear(wide)
	k, err := bls.ReduceScalar(wide)
	if err != nil {
		panic(err) // As above.
	}
	return k
}

// answer returns c ‖ k − c·x.
func answer(x, k, c *bls.Scalar) []byte {
	cx := c.Mul(x)
	defer cx.Clear()
	z := k.Sub(cx)
	return append(c.Bytes().Open(), z.Bytes().Open()...)
}

// parse takes a proof apart into c and z.
func parse(proof []byte) (c, z *bls.Scalar, err error) {
	if len(proof) != Size {
		return nil, nil, fmt.Errorf("expected a proof of %d bytes, found %d", Size, len(proof))
	}
	if c, err = bls.ParseScalar(proof[:bls.ScalarSize]); err != nil {
		return nil, nil, fmt.Errorf("challenge: %w", err)
	}
	if z, err = bls.ParseScalar(proof[bls.ScalarSize:]); err != nil {
		return nil, nil, fmt.Errorf("answer: %w", err)
	}
	return c, z, nil
}
