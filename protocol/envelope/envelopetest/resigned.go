// Package envelopetest makes envelopes for tests.
package envelopetest

import (
	"testing"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Resigned is an envelope under another signature of its signer, which signs the
// same bytes again: a block of its own, with a CID of its own.
func Resigned(t testing.TB, signer *identity.Keyring, block []byte) (dag.CID, []byte) {
	t.Helper()
	e, err := envelope.Parse(block)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := dag.WithEmptied(block, "signatures")
	if err != nil {
		t.Fatal(err)
	}
	again := *e
	again.Signatures = []envelope.Signature{{Algorithm: e.Signatures[0].Algorithm, Signature: signer.Sign(sign.Envelope, msg)}}
	c, resigned, err := dag.Put(&again)
	if err != nil {
		t.Fatal(err)
	}
	if c == e.CID() {
		t.Fatal("expected another signature, found the same")
	}
	return c, resigned
}
