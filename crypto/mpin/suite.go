package mpin

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// Suite is one way to write M-Pin's mathematics down: how identities and days
// are hashed into G1, how elements are encoded and how keys are derived. Suites
// compare with ==. The zero Suite is none: its methods panic.
type Suite struct {
	Name   string
	scheme scheme
}

var (
	// V1 hashes after RFC 9380 with tags of its own, encodes compressed and
	// derives by HKDF. It is for new networks.
	V1 = Suite{Name: "dta-v1", scheme: v1{}}

	// AMCL is, byte for byte, what Apache Milagro's library does with curve
	// BLS381 and SHA-256. It is for networks that exist.
	AMCL = Suite{Name: "amcl-bls381", scheme: amcl{}}
)

// ByName returns the suite of that name; the error is ErrUnknownSuite.
func ByName(name string) (Suite, error) {
	for _, s := range []Suite{V1, AMCL} {
		if s.Name == name {
			return s, nil
		}
	}
	return Suite{}, fmt.Errorf("%w: %.40q", ErrUnknownSuite, name)
}

// String is the name.
func (s Suite) String() string { return s.Name }

// scheme is what suites differ in. Identities that it is given were checked,
// points are in their groups and not the identity.
type scheme interface {
	identityOf(network []byte, name string, enrolment uint64) ([]byte, error)
	checkIdentity(id []byte) error
	designate(id []byte, key *bls.G2) []byte
	checkDesignated(id []byte) error
	hashIdentity(id []byte) *bls.G1
	hashPermit(id []byte, day uint32) *bls.G1

	g1(p *bls.G1) []byte
	parseG1(b []byte) (*bls.G1, error)
	g2(p *bls.G2) []byte
	parseG2(b []byte) (*bls.G2, error)
	scalar(x *bls.Scalar) []byte
	parseScalar(b []byte) (*bls.Scalar, error)

	// factor makes a scalar of what is to be added to a token beside the PIN.
	factor(f *secret.Bytes) (*bls.Scalar, error)

	// bind proves that a commitment's points hold the same x, where the suite
	// does; checkBinding checks the proof. bases are A and A + A_T.
	bind(x *bls.Scalar, c *Commitment, bases [2]*bls.G1, id []byte, day uint32) ([]byte, error)
	checkBinding(c *Commitment, bases [2]*bls.G1, id []byte, day uint32) error
	bindingSize() int

	// onePass is the challenge that a proof in one message sets itself.
	onePass(t *transcript, m Message) (*bls.Scalar, error)
	// exponent is H of M-Pin Full, sessionKey its hash of what both sides have.
	exponent(t *transcript) *bls.Scalar
	sessionKey(t *transcript, g *bls.GT, shared *bls.G1) *secret.Bytes
}

// transcript is everything that both sides of a login have seen.
type transcript struct {
	id         []byte // as it is hashed, with the designated key if there is one
	day        uint32 // 0 without permits
	commitment *Commitment
	y          *bls.Scalar
	v, z, w    *bls.G1
}

// ParsePoint reads a point of G1 that is no secret, as U, V, Z, W are, in the
// suite's encoding. The error is ErrPoint. The identity is refused, here and by
// all that follow.
func (s Suite) ParsePoint(b []byte) (*bls.G1, error) {
	p, err := s.scheme.parseG1(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPoint, err)
	}
	return p, nil
}

// PointBytes writes what ParsePoint reads.
func (s Suite) PointBytes(p *bls.G1) []byte { return s.scheme.g1(p) }

// ParsePublicKey reads a client's public key for designated verifiers, a point
// of G2, in the suite's encoding. The error is ErrPoint.
func (s Suite) ParsePublicKey(b []byte) (*bls.G2, error) {
	p, err := s.scheme.parseG2(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPoint, err)
	}
	return p, nil
}

// PublicKeyBytes writes what ParsePublicKey reads.
func (s Suite) PublicKeyBytes(p *bls.G2) []byte { return s.scheme.g2(p) }

// given tells that a point is there and not the identity, which every equation
// here would be content with.
func given(what string, p interface{ IsIdentity() bool }) error {
	switch v := p.(type) {
	case *bls.G1:
		if v == nil {
			return fmt.Errorf("%w: %s is missing", ErrPoint, what)
		}
	case *bls.G2:
		if v == nil {
			return fmt.Errorf("%w: %s is missing", ErrPoint, what)
		}
	}
	if p.IsIdentity() {
		return fmt.Errorf("%w: %s is the identity", ErrPoint, what)
	}
	return nil
}
