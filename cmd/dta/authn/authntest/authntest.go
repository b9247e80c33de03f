// Package authntest makes networks for tests: one authority that holds the whole
// master secret, and so everybody's files.
package authntest

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/issue"
)

// Network is one, with its master secret.
type Network struct {
	credential.Realm
	Permits bool

	t      testing.TB
	master *bls.Scalar
}

// New makes a network of the name.
func New(t testing.TB, suite mpin.Suite, name string, permits bool) *Network {
	t.Helper()
	reference := sha256.Sum256([]byte(name))
	return &Network{
		Realm:   credential.Realm{Suite: suite, Network: dag.Sum([]byte(name)), Reference: hex.EncodeToString(reference[:])},
		Permits: permits, t: t, master: bls.RandomScalar(),
	}
}

// Enrolment is the first number of a name in this network's suite.
func (n *Network) Enrolment() uint64 {
	if n.Suite == mpin.AMCL {
		return 0
	}
	return 1
}

// Server is the file of a server.
func (n *Network) Server(name string) *credential.Server {
	n.t.Helper()
	secret, err := n.Suite.ServerShare(n.master)
	n.must(err)
	return &credential.Server{Realm: n.Realm, Name: name, Permits: n.Permits, Secret: secret}
}

// Subject is a person, enrolled for the first time.
func (n *Network) Subject(name string) credential.Subject {
	return credential.Subject{Realm: n.Realm, Name: name, Enrolment: n.Enrolment()}
}

// Secret is a person's client secret.
func (n *Network) Secret(name string) *mpin.ClientSecret {
	n.t.Helper()
	secret, err := n.Suite.ClientShare(n.master, n.Identity(name))
	n.must(err)
	return secret
}

// Identity is a person's.
func (n *Network) Identity(name string) []byte {
	n.t.Helper()
	id, err := n.Subject(name).Identity()
	n.must(err)
	return id
}

// Token is a person's file.
func (n *Network) Token(name string, pin int) *credential.Token {
	n.t.Helper()
	token, err := n.Suite.ExtractPIN(n.Secret(name), n.Identity(name), pin)
	n.must(err)
	return &credential.Token{Subject: n.Subject(name), PermitTag: make([]byte, issue.TagSize), Token: token}
}

// PermitsFor is a person's permits for days.
func (n *Network) PermitsFor(name string, days ...uint32) *credential.Permits {
	n.t.Helper()
	p := &credential.Permits{Subject: n.Subject(name)}
	for _, day := range days {
		permit, err := n.Suite.PermitShare(n.master, n.Identity(name), day)
		n.must(err)
		p.Permits = append(p.Permits, permit)
	}
	return p
}

func (n *Network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}
