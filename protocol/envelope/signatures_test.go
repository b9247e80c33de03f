package envelope

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
)

// TestAnotherSignatureIsTheSameEnvelope: signatures are not unique. Another one
// over the same bytes makes another block, which is verified for itself, and is
// known by its header.
func TestAnotherSignatureIsTheSameEnvelope(t *testing.T) {
	p := meet(t)
	s := mustSeal(t, p.ann, p.draft())
	first := received(t, s.Block)
	other := received(t, s.Block)
	block := resign(t, other, p.ann)
	again := received(t, block)
	if again.CID() == first.CID() || bytes.Equal(block, s.Block) {
		t.Fatal("expected another signature to make another block")
	}
	if again.HeaderCID() != first.HeaderCID() || s.Envelope.HeaderCID() != first.HeaderCID() {
		t.Error("expected one header")
	}
	if c, err := HeaderCID(block); err != nil || c != first.HeaderCID() {
		t.Errorf("expected header %s, found %s, %v", first.HeaderCID(), c, err)
	}
	if err := again.Verify(p.ann.Identity()); err != nil {
		t.Error(err)
	}
	start, end, err := dag.Field(block, "header")
	if err != nil {
		t.Fatal(err)
	}
	if dag.Sum(block[start:end]) != first.HeaderCID() {
		t.Error("expected the CID of the header's bytes")
	}
	next := mustSeal(t, p.ann, p.draft())
	if next.Envelope.HeaderCID() == first.HeaderCID() {
		t.Error("expected the same draft sealed again to be another envelope")
	}
}

// TestAMemoryTakesNoSignatureForAnother: what was remembered for one block says
// nothing of the same bytes under another signature.
func TestAMemoryTakesNoSignatureForAnother(t *testing.T) {
	p := meet(t)
	m := NewMemory(8)
	good := received(t, mustSeal(t, p.ann, p.draft()).Block)
	if err := m.Verify(good, p.ann.Identity()); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, sign.SignatureSize - 1} { // in either half
		bad := received(t, good.Block())
		bad.Signatures[0].Signature[at] ^= 1
		block, err := dag.Encode(bad)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, m.Verify(received(t, block), p.ann.Identity()), "signature does not verify")
	}
}
