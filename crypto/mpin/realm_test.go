package mpin

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
)

var suites = []Suite{V1, AMCL}

// realm is a network of three authorities and a server, as the tests see it:
// with everybody's secrets.
type realm struct {
	testing.TB
	Suite
	network []byte
	shares  []*bls.Scalar
	secret  *ServerSecret
	server  *Server
}

func newRealm(tb testing.TB, s Suite) *realm {
	digest := sha256.Sum256([]byte("network"))
	r := &realm{TB: tb, Suite: s, network: append([]byte{1, 0x71, 0x12, 0x20}, digest[:]...)}
	var parts []*ServerSecret
	for range 3 {
		share := bls.RandomScalar()
		part, err := s.ServerShare(share)
		r.must(err)
		r.shares, parts = append(r.shares, share), append(parts, part)
	}
	var err error
	r.secret, err = s.CombineServer(parts...)
	r.must(err)
	r.server, err = s.NewServer(r.secret)
	r.must(err)
	return r
}

// eachSuite runs a test in both.
func eachSuite(t *testing.T, test func(*testing.T, *realm)) {
	for _, s := range suites {
		t.Run(s.Name, func(t *testing.T) { test(t, newRealm(t, s)) })
	}
}

func (r *realm) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *realm) id(name string) []byte {
	r.Helper()
	enrolment := uint64(1)
	if r.Suite == AMCL {
		enrolment = 0
	}
	id, err := r.IdentityOf(r.network, name, enrolment)
	r.must(err)
	return id
}

func (r *realm) clientSecret(id []byte) *ClientSecret {
	r.Helper()
	var parts []*ClientSecret
	for _, share := range r.shares {
		part, err := r.ClientShare(share, id)
		r.must(err)
		parts = append(parts, part)
	}
	cs, err := r.CombineClient(parts...)
	r.must(err)
	return cs
}

func (r *realm) permit(id []byte, day uint32) *Permit {
	r.Helper()
	var parts []*Permit
	for _, share := range r.shares {
		part, err := r.PermitShare(share, id, day)
		r.must(err)
		parts = append(parts, part)
	}
	p, err := r.CombinePermit(parts...)
	r.must(err)
	return p
}

func (r *realm) token(id []byte, pin int) *Token {
	r.Helper()
	token, err := r.ExtractPIN(r.clientSecret(id), id, pin)
	r.must(err)
	return token
}

func (r *realm) prover(l Login) *Prover {
	r.Helper()
	p, err := r.NewProver(l)
	r.must(err)
	return p
}

// login plays the two passes, over the wire's encodings.
func (r *realm) login(l Login, claim Claim) (*Prover, *Session, error) {
	r.Helper()
	p := r.prover(l)
	var err error
	claim.Commitment, err = r.ParseCommitment(r.CommitmentBytes(p.Commitment()))
	r.must(err)
	s, err := r.server.Begin(claim)
	if err != nil {
		return p, nil, err
	}
	v, err := p.Respond(s.Challenge())
	r.must(err)
	v, err = r.ParsePoint(r.PointBytes(v))
	r.must(err)
	return p, s, s.Verify(v)
}

// masterSecret is what never exists.
func (r *realm) masterSecret() *bls.Scalar {
	s := bls.NewScalar(0)
	for _, share := range slices.Clone(r.shares) {
		s = s.Add(share)
	}
	return s
}
