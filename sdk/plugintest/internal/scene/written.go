package scene

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/sdk/contract"
)

// Written is a founded network as test data: all that it takes to have it issue again, with new requests, as those of
// its time have expired. The keys in it keep nothing else.
type Written struct {
	Suite      string     `json:"suite"`
	Node       []byte     `json:"node"` // keyrings
	Registrar  []byte     `json:"registrar"`
	Cosigner   []byte     `json:"cosigner"`
	Other      []byte     `json:"other"`
	OtherShare []byte     `json:"otherShare"`
	Chains     [][][]byte `json:"chains"` // of everybody whom the terms name
	Order      []byte     `json:"order"`  // envelope
	Deposit    []byte     `json:"deposit"`
	Acceptance []byte     `json:"acceptance"` // envelope
	Accepted   []byte     `json:"accepted"`   // its plaintext
}

// Write writes a network down.
func (f *Founded) Write(t testing.TB) Written {
	t.Helper()
	chains, err := f.Whole.Chains()
	if err != nil {
		t.Fatal(err)
	}
	return Written{
		Suite: f.Suite.Name, Node: f.Node.Marshal().Open(), Registrar: f.Registrar.Marshal().Open(), Cosigner: f.Cosigner.Marshal().Open(),
		Other: f.other.Marshal().Open(), OtherShare: f.share.Bytes().Open(), Chains: chains, Order: f.Placed.Envelope.Block,
		Deposit: f.Deposit, Acceptance: f.Shown.GetEnvelope(), Accepted: f.Shown.GetPlain(),
	}
}

// Reopen is the scene and the network that were written down, around the plugin that has custody of its share.
func (w Written) Reopen(t testing.TB, instance string, mode order.Mode, custody [][]byte) *Founded {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keyring := func(b []byte) *identity.Keyring {
		t.Helper()
		k, err := identity.ParseKeyring(secret.Copy(b))
		must(err)
		return k
	}
	s := &Scene{Instance: instance, Started: mode, Node: keyring(w.Node), shelf: newShelf()}
	var err error
	s.Fiduciary, err = identity.Verify(custody)
	must(err)
	s.Know(s.Fiduciary)
	for _, chain := range w.Chains {
		id, err := identity.Verify(chain)
		must(err)
		if id.Name != s.Fiduciary.Name {
			s.Know(id)
		}
	}
	n := &Network{Scene: s, Registrar: keyring(w.Registrar), Cosigner: keyring(w.Cosigner), Index: 1, other: keyring(w.Other)}
	n.Suite, err = mpin.ByName(w.Suite)
	must(err)
	n.share, err = bls.ParseScalar(w.OtherShare)
	must(err)
	n.Verified, err = order.OpenOrder(s.Node, w.Order, s.Parties(t))
	must(err)
	n.Placed = &order.Placed{Envelope: &envelope.Sealed{Block: w.Order, Plain: n.Verified.Plain()}}
	return n.Accept(t, &contract.SafeguardResponse{
		Deposit: w.Deposit, Acceptance: &contract.Shown{Envelope: w.Acceptance, Plain: w.Accepted},
	})
}
