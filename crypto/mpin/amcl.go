package mpin

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// amcl is the suite amcl-bls381: Apache Milagro's mpin.c and pbc_support.c with
// curve BLS381 and SHA-256. In its words an octet of a number has 48 bytes, and
// whatever was hashed becomes such an octet with zeros to the left.
//
// Where AMCL checks nothing this package checks as it does everywhere: points
// are in the subgroup and not the identity.
type amcl struct{}

const (
	amclNameLimit  = 1024
	amclMessageMax = 256 // MESSAGE_SIZE: AMCL cuts longer ones off.
	amclKeySize    = 16  // MPIN_PAS

	amclG1Size     = 1 + 2*bls.FieldSize
	amclG2Size     = 4 * bls.FieldSize
	amclScalarSize = bls.FieldSize
)

// mhashit is AMCL's hash of a number, left out unless positive, and an octet.
func mhashit(n uint32, octet ...[]byte) []byte {
	h := sha256.New()
	if n > 0 {
		h.Write(binary.BigEndian.AppendUint32(nil, n))
	}
	for _, o := range octet {
		h.Write(o)
	}
	return h.Sum(make([]byte, bls.FieldSize-sha256.Size))
}

// mapit maps an octet to G1: the first x, counting up from it, which the curve
// has, its even y, and that point times the full cofactor. Its time depends on
// the octet, which must be public.
func mapit(octet []byte) *bls.G1 {
	x := append([]byte(nil), octet...) // Below p: 256 bits.
	for {
		if p := bls.LiftX(x, false); p != nil {
			return p
		}
		for i := len(x) - 1; ; i-- {
			if x[i]++; x[i] != 0 {
				break
			}
		}
	}
}

func (amcl) identityOf(_ []byte, name string, enrolment uint64) ([]byte, error) {
	if enrolment != 0 {
		return nil, errors.New("this suite knows no enrolment numbers")
	}
	if err := checkName([]byte(name), amclNameLimit); err != nil {
		return nil, err
	}
	return []byte(name), nil
}

func (amcl) checkIdentity(id []byte) error { return checkName(id, amclNameLimit) }

// designate is AMCL's ID ‖ Pa. At 193 bytes and more it is never the 52 bytes of
// a permit.
func (amcl) designate(id []byte, key *bls.G2) []byte {
	return append(append([]byte(nil), id...), amcl{}.g2(key)...)
}

func (amcl) checkDesignated(id []byte) error {
	n := len(id) - amclG2Size
	if n < 0 {
		return errors.New("expected a name without control characters, and a public key or none")
	}
	if _, err := (amcl{}).parseG2(id[n:]); err != nil {
		return err
	}
	return checkName(id[:n], amclNameLimit)
}

// hashIdentity is mapit(HASH_ID(ID)).
func (amcl) hashIdentity(id []byte) *bls.G1 { return mapit(mhashit(0, id)) }

func (amcl) hashPermit(id []byte, day uint32) *bls.G1 { return mapit(mhashit(day, mhashit(0, id))) }

// g1 is 0x04 ‖ x ‖ y.
func (amcl) g1(p *bls.G1) []byte {
	x, y := p.Coordinates()
	return append(append([]byte{4}, x...), y...)
}

func (amcl) parseG1(b []byte) (*bls.G1, error) {
	if len(b) != amclG1Size {
		return nil, fmt.Errorf("expected %d bytes, found %d", amclG1Size, len(b))
	}
	if b[0] != 4 {
		return nil, fmt.Errorf("expected a first byte of 0x04, found %#02x", b[0])
	}
	return bls.ParseG1Coordinates(b[1:1+bls.FieldSize], b[1+bls.FieldSize:])
}

// g2 is x ‖ y, each the real part before the imaginary one.
func (amcl) g2(p *bls.G2) []byte {
	x0, x1, y0, y1 := p.Coordinates()
	return append(append(append(append(make([]byte, 0, amclG2Size), x0...), x1...), y0...), y1...)
}

func (amcl) parseG2(b []byte) (*bls.G2, error) {
	if len(b) != amclG2Size {
		return nil, fmt.Errorf("expected %d bytes, found %d", amclG2Size, len(b))
	}
	part := func(i int) []byte { return b[i*bls.FieldSize : (i+1)*bls.FieldSize] }
	return bls.ParseG2Coordinates(part(0), part(1), part(2), part(3))
}

func (amcl) scalar(x *bls.Scalar) []byte {
	b := x.Bytes()
	defer b.Clear()
	out := make([]byte, amclScalarSize)
	copy(out[amclScalarSize-bls.ScalarSize:], b.Open())
	return out
}

func (amcl) parseScalar(b []byte) (*bls.Scalar, error) {
	if len(b) != amclScalarSize {
		return nil, fmt.Errorf("scalar: expected %d bytes, found %d", amclScalarSize, len(b))
	}
	for _, v := range b[:amclScalarSize-bls.ScalarSize] {
		if v != 0 {
			return nil, errors.New("scalar: not below the group order")
		}
	}
	return bls.ParseScalar(b[amclScalarSize-bls.ScalarSize:])
}

// factor takes what EXTRACT_FACTOR does: a number below 2^31, one to four bytes
// big-endian.
func (amcl) factor(f *secret.Bytes) (*bls.Scalar, error) {
	b := f.Open()
	if len(b) < 1 || len(b) > 4 {
		return nil, fmt.Errorf("expected a number of 1 to 4 bytes, found %d", len(b))
	}
	var wide [8]byte
	defer secret.Clear(wide[:])
	copy(wide[8-len(b):], b)
	n := binary.BigEndian.Uint64(wide[:])
	if n > math.MaxInt32 {
		return nil, errors.New("expected a number below 2^31")
	}
	return bls.NewScalar(n), nil
}

// AMCL's commitments come without a proof.
func (amcl) bind(*bls.Scalar, *Commitment, [2]*bls.G1, []byte, uint32) ([]byte, error) {
	return nil, nil
}

func (amcl) checkBinding(*Commitment, [2]*bls.G1, []byte, uint32) error { return nil }

func (amcl) bindingSize() int { return 0 }

// amclU is the commitment that counts: UT where there are permits, U otherwise.
func (t *transcript) amclU() []byte {
	if t.commitment.UT != nil {
		return amcl{}.g1(t.commitment.UT)
	}
	return amcl{}.g1(t.commitment.U)
}

// onePass is GET_Y: the hash of the time, the commitment and the message.
func (amcl) onePass(t *transcript, m Message) (*bls.Scalar, error) {
	if m.Time < 1 || m.Time > math.MaxInt32 {
		return nil, fmt.Errorf("expected a time from 1 to 2^31 − 1, found %d", m.Time)
	}
	if len(m.Text) > amclMessageMax {
		return nil, fmt.Errorf("expected a message of at most %d bytes, found %d", amclMessageMax, len(m.Text))
	}
	return bls.ReduceScalar(mhashit(uint32(m.Time), t.amclU(), m.Text))
}

// hashAll is HASH_ALL.
func (t *transcript) hashAll() []byte {
	g1 := amcl{}.g1
	return mhashit(0, mhashit(0, t.id), t.amclU(), g1(t.v), amcl{}.scalar(t.y), g1(t.z), g1(t.w))
}

func (amcl) exponent(t *transcript) *bls.Scalar {
	h, err := bls.ReduceScalar(t.hashAll())
	if err != nil {
		panic(err) // Only for lengths out of range.
	}
	return h
}

// sessionKey is mpin_hash: SHA-256 of the trace of g to Fp4, four coordinates,
// and of the point's two; its first 16 bytes.
func (amcl) sessionKey(_ *transcript, g *bls.GT, shared *bls.G1) *secret.Bytes {
	all := secret.New(g.Bytes())
	defer all.Clear()
	in := secret.New(make([]byte, 0, 6*bls.FieldSize))
	defer in.Clear()
	b := in.Open()
	// Fp4 is spanned by 1 and w³, and an element's trace is three times its part
	// there.
	for _, at := range []int{0, 1, 6, 7} {
		b = appendTripled(b, all.Open()[at*bls.FieldSize:(at+1)*bls.FieldSize])
	}
	x, y := shared.Coordinates()
	defer secret.Clear(x)
	defer secret.Clear(y)
	sum := sha256.Sum256(append(append(b, x...), y...))
	return secret.New(sum[:amclKeySize:amclKeySize])
}
