package envelope

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/identity/identitytest"
)

var (
	monday  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tuesday = monday.Add(24 * time.Hour)
)

type letter struct {
	Text string `cbor:"text"`
}

// people are three parties: ann signs, bob and cas receive.
type people struct{ ann, bob, cas *identity.Keyring }

func meet(t testing.TB) people {
	return people{create(t, "ann"), create(t, "bob"), create(t, "cas")}
}

func create(t testing.TB, reference string) *identity.Keyring {
	t.Helper()
	return identitytest.Keyring(t, identity.Node, reference, monday)
}

func (p people) draft() Draft {
	return Draft{
		Kind: Order, Recipients: []*identity.Identity{p.bob.Identity(), p.cas.Identity()},
		Time: monday, Expires: tuesday, Previous: []dag.CID{dag.Sum([]byte("before"))}, Body: letter{"hello"},
	}
}

func mustSeal(t testing.TB, k *identity.Keyring, d Draft) *Sealed {
	t.Helper()
	s, err := Seal(k, d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// received returns the envelope as another party gets it.
func received(t testing.TB, block []byte) *Envelope {
	t.Helper()
	e, err := Parse(bytes.Clone(block))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// openVerified is how a block is received: parsed, verified, opened.
func openVerified(block []byte, signer *identity.Identity, k *identity.Keyring) (*Envelope, []byte, error) {
	e, err := Parse(block)
	if err != nil {
		return nil, nil, err
	}
	if err := e.Verify(signer); err != nil {
		return nil, nil, err
	}
	plain, err := e.Open(k)
	return e, plain, err
}

// resign lets k sign what e now says, and returns the new block: what a thief
// of an envelope, or a signer who breaks rules, can make.
func resign(t testing.TB, e *Envelope, k *identity.Keyring) []byte {
	t.Helper()
	e.Signatures = nil
	msg, err := dag.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	e.Signatures = []Signature{{Algorithm: sign.V2.Algorithm, Signature: k.Sign(sign.Envelope, msg)}}
	block, err := dag.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

func refused(t *testing.T, err error, says string) {
	t.Helper()
	if fault.Of(err) != fault.Invalid {
		t.Fatalf("expected an invalid, found %v", err)
	}
	if !strings.Contains(err.Error(), says) {
		t.Fatalf("expected an error that says %q, found %q", says, err)
	}
}
