package order

import (
	"bytes"
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// A reader of a body never panics, refuses with a kind, and what it accepts has
// no other encoding.

func seed(f *testing.F, v any) {
	f.Helper()
	block, err := dag.Encode(v)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(block)
	f.Add(block[:len(block)/2])
	for _, i := range []int{1, len(block) / 3, len(block) - 1} {
		flipped := bytes.Clone(block)
		flipped[i] ^= 0x40
		f.Add(flipped)
	}
}

// decoded decodes a fuzzed block and tells whether it was one at all.
func decoded(t *testing.T, block []byte, v any) bool {
	t.Helper()
	if err := dag.Decode(block, v); err != nil {
		wantKind(t, err, fault.Invalid)
		return false
	}
	again, err := dag.Encode(v)
	if err != nil || !bytes.Equal(again, block) {
		t.Fatalf("accepted a second encoding of one value: %v", err)
	}
	return true
}

func refusal(t *testing.T, err error) {
	t.Helper()
	if k := fault.Of(err); err != nil && k != fault.Invalid && k != fault.Denied && k != fault.Unsupported {
		t.Fatalf("expected a refusal, found %s: %v", k, err)
	}
}

func FuzzTerms(f *testing.F) {
	terms := soundTerms(f)
	seed(f, terms)
	for _, typ := range keytype.All {
		seed(f, keyTerms(f, formOf(typ)))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		var terms Terms
		if !decoded(t, block, &terms) {
			return
		}
		err := terms.Check()
		refusal(t, err)
		if err != nil {
			return
		}
		if c, err := terms.CID(); err != nil || c != dag.Sum(block) {
			t.Fatalf("sound terms have another name than their block: %v", err)
		}
		if n := len(terms.Parties()); n < 1 || n > MaxRecipients {
			t.Fatalf("sound terms have %d parties", n)
		}
	})
}

// fuzzed is the chain against which the bodies are held.
func fuzzed(f *testing.F) *history {
	f.Helper()
	r := newRealm(f, 1)
	return r.run(f, r.plan(Secret, 1), secret.Random(32), r.beneficiary, r.beneficiary)
}

func FuzzOrder(f *testing.F) {
	seed(f, fuzzed(f).order.body)
	f.Fuzz(func(t *testing.T, block []byte) {
		var body Order
		if decoded(t, block, &body) {
			refusal(t, body.check())
		}
	})
}

func FuzzAcceptance(f *testing.F) {
	h := fuzzed(f)
	seed(f, h.acceptances[0].body)
	f.Fuzz(func(t *testing.T, block []byte) {
		var body Acceptance
		if decoded(t, block, &body) {
			refusal(t, body.check(h.order, h.custody[0].Identity()))
		}
	})
}

func FuzzRedemption(f *testing.F) {
	h := fuzzed(f)
	seed(f, h.redemption.body)
	f.Fuzz(func(t *testing.T, block []byte) {
		var body Redemption
		if decoded(t, block, &body) {
			refusal(t, body.check(h.order, h.beneficiary.Identity(), len(h.acceptances)))
		}
	})
}

func FuzzRelease(f *testing.F) {
	h := fuzzed(f)
	seed(f, h.releases[0].body)
	f.Fuzz(func(t *testing.T, block []byte) {
		var body Release
		if decoded(t, block, &body) {
			refusal(t, body.check(h.redemption, h.acceptances[0], h.custody[0].Identity()))
		}
	})
}

func FuzzDetached(f *testing.F) {
	h := fuzzed(f)
	for _, b := range append(h.placed.Detached, h.released...) {
		f.Add(b.Bytes)
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		for _, kind := range []string{detachedShare, detachedRelease, detachedCiphertext, detachedGrant} {
			_, err := getDetached(dag.Sum(block), block, kind)
			refusal(t, err)
		}
	})
}

// FuzzVerify gives the reader of each part a block and a plaintext as a lying
// host would.
func FuzzVerify(f *testing.F) {
	h := fuzzed(f)
	for _, part := range parts {
		p := h.part(part, 0)
		f.Add(p.Block(), p.Plain())
		f.Add(p.Block(), p.Plain()[:40])
		f.Add(p.Block()[:200], p.Plain())
	}
	f.Fuzz(func(t *testing.T, block, plain []byte) {
		for _, part := range parts {
			err := h.verify(part, 0, block, plain)
			if err != nil && fault.Of(err) != fault.NotFound { // documents not shown
				refusal(t, err)
			}
		}
	})
}
