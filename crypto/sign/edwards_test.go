package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"math/big"
	"slices"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// The curve of RFC 8032 §5.1, in affine coordinates: slow, and for tests alone.
var (
	fieldP, _ = new(big.Int).SetString("57896044618658097711785492504343953926634992332820282019728792003956564819949", 10)
	orderL, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	curveD, _ = new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
	baseX, _  = new(big.Int).SetString("15112221349535400772501151409588531511454012693041857206046113283949847762202", 10)
	baseY, _  = new(big.Int).SetString("46316835694926478169428394003475163141307993866256225615783033603165251855960", 10)
)

type point struct{ x, y *big.Int }

func (p point) add(q point) point {
	mul := func(a, b *big.Int) *big.Int { return new(big.Int).Mod(new(big.Int).Mul(a, b), fieldP) }
	over := func(n, d *big.Int) *big.Int { return mul(n, new(big.Int).ModInverse(d.Mod(d, fieldP), fieldP)) }
	one := big.NewInt(1)
	xx, yy := mul(p.x, q.x), mul(p.y, q.y)
	d := mul(curveD, mul(xx, yy))
	return point{
		over(new(big.Int).Add(mul(p.x, q.y), mul(p.y, q.x)), new(big.Int).Add(one, d)),
		over(new(big.Int).Add(yy, xx), new(big.Int).Sub(one, d)),
	}
}

func (p point) times(k *big.Int) point {
	out := point{big.NewInt(0), big.NewInt(1)}
	for i := k.BitLen() - 1; i >= 0; i-- {
		if out = out.add(out); k.Bit(i) == 1 {
			out = out.add(p)
		}
	}
	return out
}

func little(b []byte) *big.Int {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func littleBytes(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// signWithAnyNonce is Ed25519 with a random nonce in place of the prescribed
// one: valid like any other, and another each time.
func signWithAnyNonce(t *testing.T, key ed25519.PrivateKey, msg []byte) []byte {
	t.Helper()
	h := sha512.Sum512(key.Seed())
	h[0] &= 248
	h[31] = h[31]&127 | 64
	nonce, err := rand.Int(rand.Reader, orderL)
	if err != nil {
		t.Fatal(err)
	}
	r := point{baseX, baseY}.times(nonce)
	encoded := littleBytes(r.y)
	encoded[31] |= byte(r.x.Bit(0)) << 7
	hash := sha512.New()
	hash.Write(encoded)
	hash.Write(key.Public().(ed25519.PublicKey))
	hash.Write(msg)
	s := little(hash.Sum(nil))
	s.Mul(s, little(h[:32])).Add(s, nonce).Mod(s, orderL)
	return append(encoded, littleBytes(s)...)
}

// TestHalvesOfTwoSignaturesMakeAThird holds what the package comment warns of, so
// that nobody builds on the contrary.
func TestHalvesOfTwoSignaturesMakeAThird(t *testing.T) {
	k := V2.NewPrivateKey()
	first, second := k.Sign(Envelope, message), k.Sign(Envelope, message)
	if bytes.Equal(first[:mldsa65.SignatureSize], second[:mldsa65.SignatureSize]) {
		t.Error("expected hedged signatures to differ")
	}
	copy(second[mldsa65.SignatureSize:], signWithAnyNonce(t, k.edwards.Open(), V2.representative(Envelope.context(), message)))
	third := append(bytes.Clone(first[:mldsa65.SignatureSize]), second[mldsa65.SignatureSize:]...)
	for name, sig := range map[string][]byte{"first": first, "second": second, "third": third} {
		if err := k.Public().Verify(Envelope, message, sig); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if bytes.Equal(third, first) || bytes.Equal(third, second) {
		t.Error("expected three different signatures")
	}
}
