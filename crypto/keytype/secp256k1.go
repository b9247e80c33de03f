package keytype

import (
	"encoding/hex"

	"github.com/milagro-dta/dta/crypto/secp"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Secp256k1 is the curve of Bitcoin and Ethereum accounts (package secp).
var Secp256k1 Type = secp256k1{}

type secp256k1 struct{}

func (secp256k1) Name() string     { return "secp256k1" }
func (secp256k1) Form() Form       { return Scalar }
func (secp256k1) PrivateSize() int { return secp.PrivateKeySize }
func (secp256k1) PublicSize() int  { return secp.PublicKeySize }

func (secp256k1) New() *secret.Bytes {
	k := secp.NewPrivateKey()
	defer k.Clear()
	return k.Bytes()
}

func (secp256k1) Public(private *secret.Bytes) ([]byte, error) {
	k, err := secp.ParsePrivateKey(private)
	if err != nil {
		return nil, err
	}
	defer k.Clear()
	return k.Public(), nil
}

func (secp256k1) CheckPublic(public []byte) error { return secp.CheckPublicKey(public) }

func (secp256k1) Prove(private *secret.Bytes, context []byte) (public, proof []byte, err error) {
	k, err := secp.ParsePrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	defer k.Clear()
	return k.Public(), k.ProvePossession(context), nil
}

func (secp256k1) Verify(public, context, proof []byte) error {
	return secp.VerifyPossession(public, context, proof)
}

// Shown is the uncompressed point, as the original D-TA showed it.
func (secp256k1) Shown(public []byte) []byte {
	if full, err := secp.Uncompressed(public); err == nil {
		return full
	}
	return public
}

// The parts of PrivateKeyInfo (RFC 5208) around an ECPrivateKey (RFC 5915) of
// named curve 1.3.132.0.10, in which only the key's two halves vary.
var (
	pkcs8Head   = fromHex("308184020100301006072a8648ce3d020106052b8104000a046d306b0201010420")
	pkcs8Middle = fromHex("a144034200")
)

func (s secp256k1) PKCS8(private *secret.Bytes) (*secret.Bytes, error) {
	public, err := s.Public(private)
	if err != nil {
		return nil, err
	}
	der := make([]byte, 0, 135)
	der = append(der, pkcs8Head...)
	der = append(der, private.Open()...)
	der = append(der, pkcs8Middle...)
	return secret.New(append(der, s.Shown(public)...)), nil
}

func fromHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
