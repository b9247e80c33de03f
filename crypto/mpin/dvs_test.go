package mpin

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
)

// signer has a key of its own and a token for the identity with it.
type signer struct {
	*realm
	key   *DVSKey
	plain []byte
	id    []byte
	token *Token
}

func newSigner(r *realm, pin int) *signer {
	s := &signer{realm: r, key: r.NewDVSKey(), plain: r.id("alice")}
	var err error
	s.id, err = r.DesignatedIdentity(s.plain, s.key.Public())
	r.must(err)
	applied, err := s.key.Apply(s.issued())
	r.must(err)
	s.token, err = r.ExtractPIN(applied, s.id, pin)
	r.must(err)
	return s
}

// issued is what the authorities give out.
func (s *signer) issued() *ClientSecret {
	a, err := s.HashDesignated(s.plain, s.key.Public())
	s.must(err)
	cs, err := s.ClientSecretOf(a.Mul(s.masterSecret()))
	s.must(err)
	return cs
}

var signed = Message{Time: 1795375000, Text: []byte("text")}

// verify signs with a login and has it verified for a public key.
func (s *signer) verify(l Login, public *bls.G2) (*Session, error) {
	s.Helper()
	p := s.prover(l)
	v, err := p.Sign(signed)
	s.must(err)
	session, err := s.server.BeginOnePass(Claim{Identity: s.plain, Designated: public, Commitment: p.Commitment()}, signed, time.Unix(signed.Time, 0), 0)
	if s.BindsDistance() && errors.Is(err, ErrRejected) {
		return nil, err // its proof is for another identity
	}
	s.must(err)
	return session, session.Verify(v)
}

func TestASignatureWithItsOwnKeyIsAccepted(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		s := newSigner(r, 77)
		if _, err := s.verify(Login{Identity: s.id, Token: s.token, PIN: 77}, s.key.Public()); err != nil {
			t.Error(err)
		}
		// The two passes do it too.
		if _, _, err := r.login(Login{Identity: s.id, Token: s.token, PIN: 77}, Claim{Identity: s.plain, Designated: s.key.Public()}); err != nil {
			t.Error(err)
		}
		session, err := s.verify(Login{Identity: s.id, Token: s.token, PIN: 80}, s.key.Public())
		if d, found := session.PINError(); !errors.Is(err, ErrRejected) || !found || d != 3 {
			t.Errorf("a wrong PIN: %v, a distance of %d, %v", err, d, found)
		}
	})
}

func TestASignatureIsForItsKeyOnly(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		s, other := newSigner(r, 77), r.NewDVSKey()
		session, err := s.verify(Login{Identity: s.id, Token: s.token, PIN: 77}, other.Public())
		if !errors.Is(err, ErrRejected) {
			t.Errorf("another key: %v", err)
		}
		if session != nil {
			if d, found := session.PINError(); found {
				t.Errorf("another key: a distance of %d", d)
			}
		}
		if _, err := s.verify(Login{Identity: s.id, Token: s.token, PIN: 77}, nil); !errors.Is(err, ErrRejected) {
			t.Errorf("no key: %v", err)
		}
		if _, err := s.verify(Login{Identity: s.plain, Token: r.token(s.plain, 77), PIN: 77}, s.key.Public()); !errors.Is(err, ErrRejected) {
			t.Errorf("the plain identity's token: %v", err)
		}
	})
}

// There is no escrow: what the authorities could compute lacks z.
func TestAllAuthoritiesTogetherCannotSign(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		s := newSigner(r, 77)
		token, err := r.ExtractPIN(s.issued(), s.id, 77)
		r.must(err)
		if _, err := s.verify(Login{Identity: s.id, Token: token, PIN: 77}, s.key.Public()); !errors.Is(err, ErrRejected) {
			t.Errorf("signed without z: %v", err)
		}
	})
}

func TestDesignatedIdentitiesAreIssuedForKnowingly(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		s := newSigner(r, 77)
		if _, err := r.HashIdentity(s.id); !errors.Is(err, ErrSubject) {
			t.Errorf("hashed as a plain one: %v", err)
		}
		if _, err := r.ClientShare(r.shares[0], s.id); !errors.Is(err, ErrSubject) {
			t.Errorf("issued as a plain one: %v", err)
		}
		if _, err := r.PermitShare(r.shares[0], s.id, today); !errors.Is(err, ErrSubject) {
			t.Errorf("permitted: %v", err)
		}
		if _, err := r.DesignatedIdentity(s.id, s.key.Public()); !errors.Is(err, ErrSubject) {
			t.Errorf("a key twice: %v", err)
		}
		a, err := r.HashDesignated(s.plain, s.key.Public())
		r.must(err)
		b, err := r.HashIdentity(s.plain)
		r.must(err)
		if a.Equal(b) {
			t.Error("the key takes no part in the hash")
		}
		if _, err := r.server.Begin(Claim{Identity: s.id, Commitment: &Commitment{U: a}}); !errors.Is(err, ErrSubject) {
			t.Errorf("a login of it as a plain one: %v", err)
		}
		claim := Claim{Identity: s.plain, Day: today, Designated: s.key.Public(), Commitment: &Commitment{U: a, UT: a}}
		if _, err := r.server.Begin(claim); !errors.Is(err, ErrDay) {
			t.Errorf("a permit for a designated verifier: %v", err)
		}
	})
}

func TestADesignatedIdentityHoldsAPublicKey(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		s := newSigner(r, 77)
		cs := s.issued()
		for i := range s.id {
			id := bytes.Clone(s.id)
			id[i] ^= 0x55
			if _, err := r.ExtractPIN(cs, id, 77); err == nil && i >= len(s.plain) {
				t.Errorf("byte %d of the key may be any", i-len(s.plain))
			}
		}
	})
}

func TestAKeyIsForSecretsOfItsSuite(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		for _, other := range suites {
			if _, err := other.NewDVSKey().Apply(r.clientSecret(r.id("alice"))); (err == nil) != (other.Name == r.Suite.Name) {
				t.Errorf("a key of %s, a secret of %s: %v", other.Name, r.Suite.Name, err)
			}
		}
	})
}

func TestAClearedKeyIsGone(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		key := r.NewDVSKey()
		key.Clear()
		key.Clear()
		(*DVSKey)(nil).Clear()
		if !key.z.IsZero() {
			t.Error("something is left")
		}
		if _, err := key.Apply(r.clientSecret(r.id("alice"))); !errors.Is(err, ErrPoint) {
			t.Errorf("a cleared key is applied: %v", err)
		}
	})
}

// A public key has to be known for the client's: with s·Q for one, anybody who
// has it signs in any name.
func TestTheVerifierCouldSignForAPublicKeyOfItsOwnMaking(t *testing.T) {
	eachSuite(t, func(t *testing.T, r *realm) {
		public := r.secret.Point()
		id, err := r.DesignatedIdentity(r.id("alice"), public)
		r.must(err)
		a, err := r.HashDesignated(r.id("alice"), public)
		r.must(err)
		x := bls.RandomScalar()
		c := &Commitment{U: a.Mul(x)}
		c.Proof, err = r.scheme.bind(x, c, [2]*bls.G1{a}, id, 0)
		r.must(err)
		s, err := r.server.Begin(Claim{Identity: r.id("alice"), Designated: public, Commitment: c})
		r.must(err)
		y, err := r.scheme.parseScalar(s.Challenge())
		r.must(err)
		if err := s.Verify(new(bls.G1).Sub(c.U.Add(a.Mul(y)))); err != nil {
			t.Error(err)
		}
	})
}
