package bls

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/secret"
	blst "github.com/supranational/blst/bindings/go"
)

// Scalar is an integer modulo the group order r. It is taken to be secret: it
// does not print, and its operations take constant time. Each returns a new
// scalar and leaves its operands alone; the caller clears what it is done with.
// The zero value is 0.
type Scalar struct {
	secret.Hidden
	box secret.Box[blst.Scalar]
}

func newScalar(s *blst.Scalar) *Scalar { return &Scalar{box: secret.NewBox(s)} }

// open returns the value, zero for the zero Scalar.
func (x *Scalar) open() *blst.Scalar {
	if s := x.box.Open(); s != nil {
		return s
	}
	return new(blst.Scalar)
}

// ParseScalar reads 32 bytes big-endian and refuses values of r or more. Zero
// is a scalar. b stays the caller's.
func ParseScalar(b []byte) (*Scalar, error) {
	if len(b) != ScalarSize {
		return nil, fmt.Errorf("scalar: expected %d bytes, found %d", ScalarSize, len(b))
	}
	s := new(blst.Scalar)
	// Deserialize refuses zero too, with which sharing has to cope.
	if s.Deserialize(b) == nil && !isZero(b) {
		s.Zeroize()
		return nil, errors.New("scalar: not below the group order")
	}
	return newScalar(s), nil
}

// RandomScalar returns a uniform scalar other than zero.
func RandomScalar() *Scalar {
	// 384 random bits reduced modulo a 255-bit number are within 2^-129 of
	// uniform (RFC 9380 §5.1).
	var wide [48]byte
	defer secret.Clear(wide[:])
	s := new(blst.Scalar)
	for {
		rand.Read(wide[:])
		if s.FromBEndian(wide[:]) != nil { // nil for zero
			return newScalar(s)
		}
	}
}

// NewScalar returns the scalar of a small number, usually a public index.
func NewScalar(n uint64) *Scalar {
	var b [ScalarSize]byte
	for i := 0; n > 0; i, n = i+1, n>>8 {
		b[i] = byte(n)
	}
	s := new(blst.Scalar)
	s.FromLEndian(b[:])
	return newScalar(s)
}

// Bytes returns the 32-byte encoding, big-endian, which the caller clears.
func (x *Scalar) Bytes() *secret.Bytes { return secret.New(x.open().Serialize()) }

// Clone returns a copy.
func (x *Scalar) Clone() *Scalar { return newScalar(x.clone()) }

func (x *Scalar) clone() *blst.Scalar {
	s := *x.open()
	return &s
}

// Add returns x + y.
func (x *Scalar) Add(y *Scalar) *Scalar {
	z := x.clone()
	z.AddAssign(y.open()) // Its second result only says whether the sum is zero.
	return newScalar(z)
}

// Sub returns x − y.
func (x *Scalar) Sub(y *Scalar) *Scalar {
	z := x.clone()
	z.SubAssign(y.open())
	return newScalar(z)
}

// Mul returns x · y.
func (x *Scalar) Mul(y *Scalar) *Scalar {
	z := x.clone()
	z.MulAssign(y.open())
	return newScalar(z)
}

// Inverse returns 1/x, and zero for zero. Give it public values only: alone
// among the operations it makes no claim to constant time.
func (x *Scalar) Inverse() *Scalar { return newScalar(x.open().Inverse()) }

// IsZero takes constant time up to its answer.
func (x *Scalar) IsZero() bool { return x.Equal(new(Scalar)) }

// Equal compares in constant time.
func (x *Scalar) Equal(y *Scalar) bool {
	// blst's Equals compares with ==, which stops at the first difference.
	d, different := x.open().Sub(y.open())
	d.Zeroize()
	return !different
}

// Clear overwrites the scalar with zero. It may be called again, and on nil.
func (x *Scalar) Clear() {
	if x != nil {
		x.open().Zeroize()
	}
}

// isZero takes constant time up to its answer.
func isZero(b []byte) bool {
	var or byte
	for _, v := range b {
		or |= v
	}
	return subtle.ConstantTimeByteEq(or, 0) == 1
}
