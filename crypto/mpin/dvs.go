package mpin

import (
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// DVSKey is a client's own key for signatures to designated verifiers, by which
// a network has no escrow: all authorities together cannot sign for the client,
// since they lack z. Verifiers need the public key Pa = z⁻¹·Q, which is part of
// the identity.
type DVSKey struct {
	secret.Hidden
	suite  Suite
	z      *bls.Scalar
	public *bls.G2
}

// NewDVSKey returns a random key (AMCL's GET_DVS_KEYPAIR).
func (s Suite) NewDVSKey() *DVSKey { return s.newDVSKey(bls.RandomScalar()) }

// newDVSKey owns z, which is not zero.
func (s Suite) newDVSKey(z *bls.Scalar) *DVSKey {
	// The inverse makes no claim to constant time: b is random and b·z says
	// nothing of z.
	b := bls.RandomScalar()
	defer b.Clear()
	inverse := b.Mul(b.Mul(z).Inverse())
	defer inverse.Clear()
	return &DVSKey{suite: s, z: z, public: bls.G2Generator().Mul(inverse)}
}

// ParseDVSKey reads z in the suite's encoding. b stays the caller's.
func (s Suite) ParseDVSKey(b *secret.Bytes) (*DVSKey, error) {
	z, err := s.scheme.parseScalar(b.Open())
	if err != nil {
		return nil, fmt.Errorf("designated verifier key: %w", err)
	}
	if z.IsZero() {
		return nil, fmt.Errorf("designated verifier key: zero")
	}
	return s.newDVSKey(z), nil
}

// Bytes is z in the suite's encoding, which the caller clears.
func (k *DVSKey) Bytes() *secret.Bytes { return secret.New(k.suite.scheme.scalar(k.z)) }

// Public returns Pa.
func (k *DVSKey) Public() *bls.G2 { return k.public }

// Apply returns z·secret, of which ExtractPIN makes a token for the designated
// identity; the secret must be that identity's.
func (k *DVSKey) Apply(secret *ClientSecret) (*ClientSecret, error) {
	if secret.suite != k.suite {
		return nil, fmt.Errorf("designated verifier key: %w", ErrMixed)
	}
	return k.suite.ClientSecretOf(secret.Point().Mul(k.z))
}

// Clear overwrites the key. It may be called again, and on nil.
func (k *DVSKey) Clear() {
	if k != nil {
		k.z.Clear()
	}
}

// DesignatedIdentity is the identity of id with the public key: AMCL's ID ‖ Pa.
// Clients log in with it; servers make it themselves of Claim.Designated. It is
// no identity to CheckIdentity. The error is ErrSubject or ErrPoint.
func (s Suite) DesignatedIdentity(id []byte, public *bls.G2) ([]byte, error) {
	if err := s.CheckIdentity(id); err != nil {
		return nil, err
	}
	if err := given("public key", public); err != nil {
		return nil, err
	}
	return s.scheme.designate(id, public), nil
}

// HashDesignated is HashIdentity for an identity with a public key, which is
// what an authority issues for: HashIdentity refuses these.
func (s Suite) HashDesignated(id []byte, public *bls.G2) (*bls.G1, error) {
	designated, err := s.DesignatedIdentity(id, public)
	if err != nil {
		return nil, err
	}
	return s.scheme.hashIdentity(designated), nil
}
