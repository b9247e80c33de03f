package dleq

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"testing"

	curve "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark-crypto/field/hash"
	"github.com/milagro-dta/dta/crypto/bls"
)

func theirs(t *testing.T, p *bls.G1) (out curve.G1Affine) {
	t.Helper()
	if _, err := out.SetBytes(p.Bytes()); err != nil {
		t.Fatal(err)
	}
	return out
}

func combine(t *testing.T, k *big.Int, p curve.G1Affine, l *big.Int, q curve.G1Affine) (out curve.G1Affine) {
	t.Helper()
	p.ScalarMultiplication(&p, k)
	q.ScalarMultiplication(&q, l)
	return *out.Add(&p, &q)
}

func concat(points ...curve.G1Affine) (out []byte) {
	for _, p := range points {
		b := p.Bytes()
		out = append(out, b[:]...)
	}
	return out
}

func hashToScalar(t *testing.T, msg []byte, dst string) *big.Int {
	t.Helper()
	wide, err := hash.ExpandMsgXmd(msg, []byte(dst), 48)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).Mod(new(big.Int).SetBytes(wide), fr.Modulus())
}

// The whole verification again, written from the documentation on another
// library and big integers.
func TestASecondLibraryVerifiesTheSameEquations(t *testing.T) {
	for _, n := range []int{1, 2, 40} {
		b := newBatch(n)
		proof := b.prove(t)
		c, z := new(big.Int).SetBytes(proof[:32]), new(big.Int).SetBytes(proof[32:])
		_, _, g, _ := curve.Generators()

		var seed []byte
		field := func(b []byte) { seed = append(binary.BigEndian.AppendUint64(seed, uint64(len(b))), b...) }
		field([]byte("dta/dleq/v1/statement"))
		field(b.context)
		field(concat(g))
		field(b.commitment.Bytes())
		seed = binary.BigEndian.AppendUint64(seed, uint64(n))
		for _, p := range append(append([]*bls.G1{}, b.as...), b.ds...) {
			field(p.Bytes())
		}
		digest := sha256.Sum256(seed)

		var m, zz curve.G1Affine
		one := big.NewInt(1)
		for i := range n {
			h := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("\x17dta/dleq/v1/coefficient"), digest[:]...), uint64(i)))
			d := new(big.Int)
			for j := 15; j >= 0; j-- { // little-endian
				d.Or(d.Lsh(d, 8), big.NewInt(int64(h[j])))
			}
			m = combine(t, one, m, d, theirs(t, b.as[i]))
			zz = combine(t, one, zz, d, theirs(t, b.ds[i]))
		}
		r := combine(t, z, g, c, theirs(t, b.commitment))
		rm := combine(t, z, m, c, zz)
		again := hashToScalar(t, append(digest[:], concat(r, rm)...), "DTA-V1-DLEQ_BLS12381SCALAR_XMD:SHA-256_")
		if again.Cmp(c) != 0 {
			t.Errorf("%d points: the challenge is %x, computed %x", n, c, again)
		}
	}
}

func TestASecondLibraryVerifiesPossession(t *testing.T) {
	x, context := bls.RandomScalar(), []byte("context")
	p := bls.G1Generator().Mul(x)
	proof, err := ProvePossession(x, context)
	if err != nil {
		t.Fatal(err)
	}
	c, z := new(big.Int).SetBytes(proof[:32]), new(big.Int).SetBytes(proof[32:])
	const tag = "DTA-V1-POSSESSION_BLS12381SCALAR_XMD:SHA-256_"
	statement := binary.BigEndian.AppendUint64([]byte(tag), uint64(len(context)))
	digest := sha256.Sum256(append(append(statement, context...), p.Bytes()...))
	_, _, g, _ := curve.Generators()
	r := combine(t, z, g, c, theirs(t, p))
	if again := hashToScalar(t, append(digest[:], concat(r)...), tag); again.Cmp(c) != 0 {
		t.Errorf("the challenge is %x, computed %x", c, again)
	}
}
