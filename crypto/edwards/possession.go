package edwards

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"

	"filippo.io/edwards25519"

	"github.com/milagro-dta/dta/crypto/secret"
)

// Tags keep the hashes of a proof apart from each other and from signatures: a
// key that signs anything it is asked to makes no proof by it.
const (
	tagPossession = "DTA-V1-POSSESSION_edwards25519_SHA-512_"
	tagNonce      = "dta/edwards25519/possession/v1/nonce"
)

// ProofSize is the length of a proof of possession: c ‖ z.
const ProofSize = 64

// ErrPossession says that a proof of possession is well formed and wrong.
var ErrPossession = errors.New("ed25519 proof of possession does not verify")

// ProvePossession returns the proof that its maker knows the scalar, bound to
// context (Schnorr, CRYPTO '89). Scalars are 32 bytes, little-endian.
func (k *PrivateKey) ProvePossession(context []byte) []byte {
	x := reduce(k.box.Open()[:ScalarSize])
	defer clearScalar(x)
	s := possession(k.pub, context)
	nonce := k.nonce(s)
	defer clearScalar(nonce)
	c := possessionChallenge(s, new(edwards25519.Point).ScalarBaseMult(nonce))
	z := edwards25519.NewScalar().Multiply(c, x)
	z.Subtract(nonce, z)
	return append(c.Bytes(), z.Bytes()...)
}

// VerifyPossession checks a proof for a public key. Where the proof is well formed
// and wrong the error is ErrPossession.
func VerifyPossession(pub, context, proof []byte) error {
	key, err := parsePublicKey(pub)
	if err != nil {
		return err
	}
	if len(proof) != ProofSize {
		return fmt.Errorf("verify ed25519 possession: expected a proof of %d bytes, found %d", ProofSize, len(proof))
	}
	c, err := edwards25519.NewScalar().SetCanonicalBytes(proof[:ScalarSize])
	if err != nil {
		return errors.New("verify ed25519 possession: c is not below the group order")
	}
	z, err := edwards25519.NewScalar().SetCanonicalBytes(proof[ScalarSize:])
	if err != nil {
		return errors.New("verify ed25519 possession: z is not below the group order")
	}
	r := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(c, key, z)
	if possessionChallenge(possession(pub, context), r).Equal(c) != 1 {
		return ErrPossession
	}
	return nil
}

// possession is the hash of the statement.
func possession(pub, context []byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte(tagPossession), uint64(len(context)))
	h := sha512.Sum512(append(append(b, context...), pub...))
	return h[:]
}

func possessionChallenge(statement []byte, r *edwards25519.Point) *edwards25519.Scalar {
	h := sha512.Sum512(bytes.Join([][]byte{[]byte(tagPossession), statement, r.Bytes()}, nil))
	return uniform(h[:])
}

// nonce is a hash of the key, of fresh randomness and of the statement. Either of
// the first two is enough to keep it secret, and without randomness it would
// still not serve two statements.
func (k *PrivateKey) nonce(statement []byte) *edwards25519.Scalar {
	fresh := secret.Random(32)
	defer fresh.Clear()
	ikm := secret.New(append(append(make([]byte, 0, PrivateKeySize+32), k.box.Open()[:]...), fresh.Open()...))
	defer ikm.Clear()
	b, err := hkdf.Key(sha256.New, ikm.Open(), statement, tagNonce, 64)
	if err != nil {
		panic(err) // only for lengths out of range
	}
	defer secret.Clear(b)
	return uniform(b)
}
