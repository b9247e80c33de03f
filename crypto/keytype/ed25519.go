package keytype

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/edwards"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Ed25519 signs as RFC 8032 says. Its private keys are expanded (package
// edwards): a key that several made together has no seed, so that none has.
var Ed25519 Type = ed25519{}

type ed25519 struct{}

func (ed25519) Name() string     { return "ed25519" }
func (ed25519) Form() Form       { return Expanded }
func (ed25519) PrivateSize() int { return edwards.PrivateKeySize }
func (ed25519) PublicSize() int  { return edwards.PublicKeySize }

func (ed25519) New() *secret.Bytes {
	k := edwards.NewPrivateKey()
	defer k.Clear()
	return k.Bytes()
}

func (ed25519) Public(private *secret.Bytes) ([]byte, error) {
	k, err := edwards.ParsePrivateKey(private)
	if err != nil {
		return nil, err
	}
	defer k.Clear()
	return k.Public(), nil
}

func (ed25519) CheckPublic(public []byte) error { return edwards.CheckPublicKey(public) }

func (ed25519) Prove(private *secret.Bytes, context []byte) (public, proof []byte, err error) {
	k, err := edwards.ParsePrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	defer k.Clear()
	return k.Public(), k.ProvePossession(context), nil
}

func (ed25519) Verify(public, context, proof []byte) error {
	return edwards.VerifyPossession(public, context, proof)
}

func (ed25519) Shown(public []byte) []byte { return public }

func (ed25519) PKCS8(*secret.Bytes) (*secret.Bytes, error) {
	return nil, fmt.Errorf("%w: PKCS#8 holds the seed of an ed25519 key, which an expanded key does not have; use hex", ErrOutput)
}
