package mpin

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/secret"
)

// canonical: what is read has one encoding, the one that was read.
func canonical(t *testing.T, b []byte, err error, written func() []byte) {
	t.Helper()
	if err == nil && !bytes.Equal(b, written()) {
		t.Errorf("%x is read and written as %x", b, written())
	}
}

func FuzzParsePoint(f *testing.F) {
	for _, s := range suites {
		f.Add(s.PointBytes(bls.G1Generator()))
		for _, bad := range malformed(f, s, false) {
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range suites {
			p, err := s.ParsePoint(b)
			canonical(t, b, err, func() []byte { return s.PointBytes(p) })
			cs, err := s.ParseClientSecret(secret.Copy(b))
			canonical(t, b, err, func() []byte { return cs.Bytes().Open() })
			token, err := s.ParseToken(secret.Copy(b))
			canonical(t, b, err, func() []byte { return token.Bytes().Open() })
			permit, err := s.ParsePermit(1, b)
			canonical(t, b, err, func() []byte { return s.PointBytes(permit.Point) })
		}
	})
}

func FuzzParseServerSecret(f *testing.F) {
	for _, s := range suites {
		f.Add(s.PublicKeyBytes(bls.G2Generator()))
		for _, bad := range malformed(f, s, true) {
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range suites {
			ss, err := s.ParseServerSecret(secret.Copy(b))
			canonical(t, b, err, func() []byte { return ss.Bytes().Open() })
			p, err := s.ParsePublicKey(b)
			canonical(t, b, err, func() []byte { return s.PublicKeyBytes(p) })
		}
	})
}

func FuzzParseCommitment(f *testing.F) {
	g := bls.G1Generator()
	for _, s := range suites {
		f.Add(s.CommitmentBytes(&Commitment{U: g, Proof: make([]byte, s.scheme.bindingSize())}))
		f.Add(s.CommitmentBytes(&Commitment{U: g, UT: g, Proof: make([]byte, s.scheme.bindingSize())}))
		for _, bad := range malformed(f, s, false) {
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range suites {
			c, err := s.ParseCommitment(b)
			canonical(t, b, err, func() []byte { return s.CommitmentBytes(c) })
		}
	})
}

// Identities are read before anything is hashed: no bytes are both an identity
// and something else that is hashed.
func FuzzCheckIdentity(f *testing.F) {
	r := newRealm(f, V1)
	plain := r.id("alice")
	key := bls.G2Generator()
	f.Add(plain)
	f.Add([]byte(`{"userID":"alice"}`))
	f.Add(V1.scheme.designate(plain, key))
	f.Add(AMCL.scheme.designate([]byte("alice"), key))
	f.Add(append([]byte{0, 0, 0x51, 0x2b}, mhashit(0, []byte("alice"))...))
	f.Fuzz(func(t *testing.T, id []byte) {
		for _, s := range suites {
			err := s.CheckIdentity(id)
			if err == nil && s.scheme.checkDesignated(id) == nil {
				t.Errorf("%s: %x is a plain and a designated identity", s, id)
			}
			if s == V1 && err == nil {
				if list := unfields(id); !bytes.Equal(fields(list...), id) {
					t.Errorf("%x has another encoding", id)
				}
			}
			if s == AMCL && err == nil && bytes.Contains(id, make([]byte, 16)) {
				t.Errorf("%x could be a permit's", id)
			}
		}
	})
}

func FuzzParseDVSKey(f *testing.F) {
	for _, s := range suites {
		f.Add(s.NewDVSKey().Bytes().Open())
	}
	f.Add(ones(32))
	f.Add(make([]byte, 48))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range suites {
			key, err := s.ParseDVSKey(secret.Copy(b))
			canonical(t, b, err, func() []byte { return key.Bytes().Open() })
		}
	})
}
