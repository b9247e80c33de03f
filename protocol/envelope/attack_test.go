package envelope

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// A changed byte is noticed twice: the stored block is not the one its CID
// names; and under a CID computed again the envelope does not verify.
func TestEveryChangedByteOfAnEnvelopeIsDetected(t *testing.T) {
	p := meet(t)
	step := 1
	if testing.Short() {
		step = 37
	}
	for _, d := range []Draft{
		p.draft(),
		{Kind: Offer, Time: monday, Expires: tuesday, Body: letter{"for hire"}},
	} {
		s := mustSeal(t, p.ann, d)
		for i := 0; i < len(s.Block); i += step {
			flipped := bytes.Clone(s.Block)
			flipped[i] ^= 1 << (i % 8)
			if err := dag.Check(s.CID, flipped); err == nil {
				t.Fatalf("%s, byte %d: the changed block passes under the old CID", d.Kind, i)
			}
			e, err := Parse(flipped)
			if err != nil {
				refused(t, err, "")
				continue
			}
			if err := e.Verify(p.ann.Identity()); err == nil {
				t.Fatalf("%s, byte %d: the changed block verifies under a new CID", d.Kind, i)
			}
			if _, err := e.Open(p.bob); err == nil {
				t.Fatalf("%s, byte %d: the changed block opens", d.Kind, i)
			}
		}
	}
}

func TestEveryTruncationOfAnEnvelopeIsRefused(t *testing.T) {
	p := meet(t)
	block := mustSeal(t, p.ann, p.draft()).Block
	for n := range block {
		_, err := Parse(block[:n])
		refused(t, err, "")
	}
	_, err := Parse(append(bytes.Clone(block), 0))
	refused(t, err, "1 more bytes")
}

func TestAnEnvelopeIsReadStrictly(t *testing.T) {
	p := meet(t)
	block := mustSeal(t, p.ann, p.draft()).Block
	start, end, err := dag.Field(block, "body")
	if err != nil {
		t.Fatal(err)
	}
	if start != 6 {
		t.Fatalf("expected the envelope to begin with its body, found it at byte %d", start)
	}
	body, rest := block[1:end], block[end:]
	join := func(b ...[]byte) []byte { return bytes.Join(b, nil) }
	for _, c := range []struct {
		name, says string
		block      []byte
	}{
		{"a key twice", "after", join([]byte{0xa5}, body, body, rest)},
		{"an unknown field", "unknown field", join([]byte{0xa5}, []byte("\x61a\x00"), body, rest)},
		{"a missing field", "", join([]byte{0xa3}, rest)},
		{"fields in another order", "after", join([]byte{0xa4}, rest, body)},
		{"a map of indefinite length", "definite", join([]byte{0xbf}, body, rest, []byte{0xff})},
		{"more than a block", "at most 1048576 bytes", make([]byte, dag.MaxBlock+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(c.block)
			refused(t, err, c.says)
		})
	}
}

func TestNothingIsOpenedBeforeItsSignatureIsVerified(t *testing.T) {
	p := meet(t)
	s := mustSeal(t, p.ann, p.draft())
	e := received(t, s.Block)
	_, err := e.Open(p.bob)
	refused(t, err, "expected its signature to be verified before")
	refused(t, e.Verify(p.cas.Identity()), "signer: expected")
	_, err = e.Open(p.bob)
	refused(t, err, "expected its signature to be verified before")
	refused(t, e.Verify(nil), "expected a parsed envelope and a signer")
	refused(t, new(Envelope).Verify(p.ann.Identity()), "expected a parsed envelope")
	_, err = new(Envelope).Open(p.bob)
	refused(t, err, "unverified")
	if err := e.Verify(p.ann.Identity()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(p.bob); err != nil {
		t.Error(err)
	}
}

func TestAStrangerOpensNothing(t *testing.T) {
	p := meet(t)
	s := mustSeal(t, p.ann, p.draft())
	for _, k := range []*identity.Keyring{create(t, "eve"), p.ann, nil} {
		_, _, err := openVerified(s.Block, p.ann.Identity(), k)
		if fault.Of(err) != fault.Denied {
			t.Errorf("expected denied, found %v", err)
		}
	}
}

func TestASignatureStrippedAndReplacedOpensForNobody(t *testing.T) {
	p := meet(t)
	eve := create(t, "eve")
	e := received(t, mustSeal(t, p.ann, p.draft()).Block)
	e.Header.Signer = eve.Identity().Party()
	block := resign(t, e, eve)
	_, _, err := openVerified(block, eve.Identity(), p.bob)
	refused(t, err, "does not open")
}

func TestARecipientCannotBeMovedOrAdded(t *testing.T) {
	p := meet(t)
	eve := create(t, "eve")
	for _, c := range []struct {
		name   string
		opener *identity.Keyring
		change func(e *Envelope)
	}{
		{"two exchange places", p.bob, func(e *Envelope) {
			r, k := e.Header.Recipients, e.Keys
			r[0], r[1], k[0], k[1] = r[1], r[0], k[1], k[0]
		}},
		{"one takes the other's key", p.bob, func(e *Envelope) { e.Keys[0] = e.Keys[1] }},
		{"a stranger takes a place", eve, func(e *Envelope) { e.Header.Recipients[0] = eve.Identity().Party() }},
		{"one is left out", p.cas, func(e *Envelope) { e.Header.Recipients, e.Keys = e.Header.Recipients[1:], e.Keys[1:] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := received(t, mustSeal(t, p.ann, p.draft()).Block)
			c.change(e)
			moved, err := dag.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = openVerified(moved, p.ann.Identity(), c.opener)
			refused(t, err, "signature does not verify")

			// Not even the signer can: the keys are bound to the header.
			_, _, err = openVerified(resign(t, e, p.ann), p.ann.Identity(), c.opener)
			refused(t, err, "does not open")
		})
	}
}

// A sealed key that is bound to this header, this name and another place.
func TestAKeySealedForAnotherPlaceDoesNotOpen(t *testing.T) {
	p := meet(t)
	e := received(t, mustSeal(t, p.ann, p.draft()).Block)
	key := secret.Random(32)
	for i, r := range []*identity.Keyring{p.bob, p.cas} {
		sealed, err := e.suite.SealTo(r.Identity().SealingKey(), keyInfo(e.hash), keyAAD(r.Identity().Name, 1-i), key.Open())
		if err != nil {
			t.Fatal(err)
		}
		e.Keys[i].Sealed = sealed
	}
	_, _, err := openVerified(resign(t, e, p.ann), p.ann.Identity(), p.bob)
	refused(t, err, "does not open")
}

// AES-GCM would let a signer make one body that opens to two plaintexts under
// two keys. The CID in the header admits one of them.
func TestOnlyThePlaintextOfTheHeaderIsAccepted(t *testing.T) {
	p := meet(t)
	e := received(t, mustSeal(t, p.ann, p.draft()).Block)
	key := secret.Random(32)
	other, err := encodePlain(letter{"something else"})
	if err != nil {
		t.Fatal(err)
	}
	if e.Body, err = e.suite.Encrypt(key, e.hash[:], other); err != nil {
		t.Fatal(err)
	}
	for i, r := range []*identity.Keyring{p.bob, p.cas} {
		if e.Keys[i].Sealed, err = e.suite.SealTo(r.Identity().SealingKey(), keyInfo(e.hash), keyAAD(r.Identity().Name, i), key.Open()); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = openVerified(resign(t, e, p.ann), p.ann.Identity(), p.bob)
	refused(t, err, "plaintext: expected the one whose CID the header has")

	offer := received(t, mustSeal(t, p.ann, Draft{Kind: Offer, Time: monday, Expires: tuesday, Body: letter{"for hire"}}).Block)
	offer.Body = other
	_, _, err = openVerified(resign(t, offer, p.ann), p.ann.Identity(), nil)
	refused(t, err, "plaintext: expected the one whose CID the header has")
}

func TestABodyBelongsToItsHeader(t *testing.T) {
	p := meet(t)
	a, b := received(t, mustSeal(t, p.ann, p.draft()).Block), received(t, mustSeal(t, p.ann, p.draft()).Block)
	a.Body = b.Body
	_, _, err := openVerified(resign(t, a, p.ann), p.ann.Identity(), p.bob)
	refused(t, err, "body: ")
	a.Keys = b.Keys
	_, _, err = openVerified(resign(t, a, p.ann), p.ann.Identity(), p.bob)
	refused(t, err, "does not open")
}

func TestASignatureForAnotherPurposeDoesNotSignAnEnvelope(t *testing.T) {
	p := meet(t)
	e := received(t, mustSeal(t, p.ann, p.draft()).Block)
	msg, err := dag.WithEmptied(e.block, "signatures")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []sign.Purpose{sign.Document, sign.Request} {
		e.Signatures[0].Signature = p.ann.Sign(d, msg)
		block, err := dag.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, received(t, block).Verify(p.ann.Identity()), "signature does not verify")
	}
}

func TestRotation(t *testing.T) {
	p := meet(t)
	ann, annNext, err := identity.Create(identity.Node, "ann", monday)
	if err != nil {
		t.Fatal(err)
	}
	bob, bobNext, err := identity.Create(identity.Node, "bob", monday)
	if err != nil {
		t.Fatal(err)
	}
	ann2, _, err := ann.Rotate(annNext, tuesday)
	if err != nil {
		t.Fatal(err)
	}
	bob2, _, err := bob.Rotate(bobNext, tuesday)
	if err != nil {
		t.Fatal(err)
	}
	at := func(k *identity.Keyring, when time.Time) *Sealed {
		d := p.draft()
		d.Recipients, d.Time, d.Expires = []*identity.Identity{bob.Identity()}, when, when.Add(time.Hour)
		return mustSeal(t, k, d)
	}

	t.Run("an envelope from before still verifies and opens after both rotated", func(t *testing.T) {
		if _, _, err := openVerified(at(ann, monday).Block, ann2.Identity(), bob2); err != nil {
			t.Error(err)
		}
	})
	t.Run("a replaced key signs nothing new", func(t *testing.T) {
		e := received(t, at(ann, tuesday.Add(MaxSkew+time.Millisecond)).Block)
		refused(t, e.Verify(ann2.Identity()), "expected a document that was not replaced")
	})
	t.Run("clocks may differ a little", func(t *testing.T) {
		if err := received(t, at(ann, tuesday.Add(MaxSkew)).Block).Verify(ann2.Identity()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a signer whose chain does not have the document is refused", func(t *testing.T) {
		refused(t, received(t, at(ann2, tuesday).Block).Verify(ann.Identity()), "expected a chain with document")
	})
	t.Run("the document named is the one that signed", func(t *testing.T) {
		e := received(t, at(ann, monday).Block)
		refused(t, received(t, resign(t, e, ann2)).Verify(ann2.Identity()), "signature does not verify")
	})
}

func FuzzParse(f *testing.F) {
	p := meet(f)
	f.Add(mustSeal(f, p.ann, p.draft()).Block)
	f.Add(mustSeal(f, p.ann, Draft{Kind: Offer, Time: monday, Expires: tuesday, Body: letter{"for hire"}}).Block)
	small := p.draft()
	small.Recipients, small.Previous = small.Recipients[:1], nil
	f.Add(mustSeal(f, p.ann, small).Block)
	f.Fuzz(func(t *testing.T, block []byte) {
		e, err := Parse(block)
		if err != nil {
			refused(t, err, "")
			return
		}
		again, err := dag.Encode(e)
		if err != nil || !bytes.Equal(again, block) {
			t.Fatalf("accepted an envelope that encodes as another: %v", err)
		}
		if header, err := dag.Encode(e.Header); err != nil || e.hash != sha256.Sum256(header) {
			t.Fatalf("the header hash is another: %v", err)
		}
		_ = e.Verify(p.ann.Identity())
		_, _ = e.Open(p.bob)
	})
}

func BenchmarkReceive(b *testing.B) {
	p := meet(b)
	block := mustSeal(b, p.ann, p.draft()).Block
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := Parse(block); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse, verify, open", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := openVerified(block, p.ann.Identity(), p.bob); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("seal to two", func(b *testing.B) {
		for b.Loop() {
			mustSeal(b, p.ann, p.draft())
		}
	})
}
