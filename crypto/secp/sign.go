package secp

import (
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// ErrSignature says that a signature is well formed and wrong.
var ErrSignature = errors.New("secp256k1 signature does not verify")

// Sign returns r ‖ s, 64 bytes, with s at most half the group order. The same
// key and digest give the same signature.
func (k *PrivateKey) Sign(digest [32]byte) []byte {
	d := k.box.Open()
	key := k.Bytes()
	defer key.Clear()
	var e secp256k1.ModNScalar
	e.SetBytes(&digest)
	// Once is enough but for one nonce in 2^127.
	for iteration := uint32(0); ; iteration++ {
		nonce := secp256k1.NonceRFC6979(key.Open(), digest[:], nil, nil, iteration)
		r, s := sign(d, nonce, &e)
		nonce.Zero()
		if r.IsZero() || s.IsZero() {
			continue
		}
		out := make([]byte, SignatureSize)
		r.PutBytesUnchecked(out[:32])
		s.PutBytesUnchecked(out[32:])
		return out
	}
}

// sign is SEC 1 §4.1.3: r is the x coordinate of nonce·G, s = (e + r·d)/nonce,
// of which and its negative the lower is taken (BIP 62).
func sign(d, nonce, e *secp256k1.ModNScalar) (r, s secp256k1.ModNScalar) {
	point := baseMult(nonce)
	r.SetBytes(point.X.Bytes())
	inv := inverse(nonce)
	defer inv.Zero()
	s.Mul2(d, &r).Add(e).Mul(inv)
	if s.IsOverHalfOrder() {
		s.Negate()
	}
	return r, s
}

// Verify checks a signature of 64 bytes over a digest. It refuses a high s, the
// malleable twin of a valid signature.
func Verify(pub []byte, digest [32]byte, sig []byte) error {
	key, err := parsePublicKey(pub)
	if err != nil {
		return err
	}
	if len(sig) != SignatureSize {
		return fmt.Errorf("verify secp256k1 signature: expected %d bytes, found %d", SignatureSize, len(sig))
	}
	var r, s secp256k1.ModNScalar
	if r.SetByteSlice(sig[:32]) || s.SetByteSlice(sig[32:]) {
		return errors.New("verify secp256k1 signature: r or s is not below the group order")
	}
	if r.IsZero() || s.IsZero() {
		return errors.New("verify secp256k1 signature: r or s is zero")
	}
	if s.IsOverHalfOrder() {
		return errors.New("verify secp256k1 signature: s is above half the group order")
	}
	if !ecdsa.NewSignature(&r, &s).Verify(digest[:], key) {
		return ErrSignature
	}
	return nil
}
