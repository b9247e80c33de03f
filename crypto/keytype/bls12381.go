package keytype

import (
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/dleq"
	"github.com/milagro-dta/dta/crypto/secret"
)

// BLS12381 has its public keys in G1 and its signatures in G2, as the validators
// of Ethereum have (package bls).
var BLS12381 Type = bls12381{}

type bls12381 struct{}

func (bls12381) Name() string     { return "bls12381" }
func (bls12381) Form() Form       { return Scalar }
func (bls12381) PrivateSize() int { return bls.ScalarSize }
func (bls12381) PublicSize() int  { return bls.G1Size }

func (bls12381) New() *secret.Bytes {
	x := bls.RandomScalar()
	defer x.Clear()
	return x.Bytes()
}

func (bls12381) parse(private *secret.Bytes) (*bls.Scalar, error) {
	x, err := bls.ParseScalar(private.Open())
	if err != nil {
		return nil, fmt.Errorf("parse bls12381 private key: %w", err)
	}
	if x.IsZero() {
		return nil, errors.New("parse bls12381 private key: the scalar is zero")
	}
	return x, nil
}

func (t bls12381) Public(private *secret.Bytes) ([]byte, error) {
	x, err := t.parse(private)
	if err != nil {
		return nil, err
	}
	defer x.Clear()
	return bls.G1Generator().Mul(x).Bytes(), nil
}

func (bls12381) CheckPublic(public []byte) error {
	_, err := bls.ParseG1(public)
	return err
}

func (t bls12381) Prove(private *secret.Bytes, context []byte) (public, proof []byte, err error) {
	x, err := t.parse(private)
	if err != nil {
		return nil, nil, err
	}
	defer x.Clear()
	proof, err = dleq.ProvePossession(x, context)
	return bls.G1Generator().Mul(x).Bytes(), proof, err
}

func (bls12381) Verify(public, context, proof []byte) error {
	point, err := bls.ParseG1(public)
	if err != nil {
		return err
	}
	return dleq.VerifyPossession(point, context, proof)
}

func (bls12381) Shown(public []byte) []byte { return public }

func (bls12381) PKCS8(*secret.Bytes) (*secret.Bytes, error) {
	return nil, fmt.Errorf("%w: no PKCS#8 encoding of bls12381 keys is in use; use hex", ErrOutput)
}
