package envelope

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/identity"
)

func TestWhatIsSealedOpensForEveryRecipient(t *testing.T) {
	p := meet(t)
	s := mustSeal(t, p.ann, p.draft())
	if dag.Sum(s.Block) != s.CID || s.Envelope.CID() != s.CID {
		t.Errorf("expected the CID of the block, found %s", s.CID)
	}
	for _, k := range []*identity.Keyring{p.bob, p.cas} {
		e, plain, err := openVerified(s.Block, p.ann.Identity(), k)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(plain, s.Plain) || e.CID() != s.CID || e.hash != s.Envelope.hash {
			t.Error("expected what was sealed")
		}
		var got letter
		if err := DecodePlain(plain, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(letter{"hello"}, got); diff != "" {
			t.Error(diff)
		}
		want := Header{
			Version: 1, Suite: "dta-v2", Kind: Order, Signer: p.ann.Identity().Party(),
			Recipients: []identity.Party{p.bob.Identity().Party(), p.cas.Identity().Party()},
			Time:       monday.UnixMilli(), Expires: tuesday.UnixMilli(),
			Previous: []dag.CID{dag.Sum([]byte("before"))}, Plain: dag.Sum(plain).Bytes(),
			Critical: dag.Values{}, Extra: dag.Values{},
		}
		if diff := cmp.Diff(want, e.Header, cmp.Comparer(func(a, b dag.CID) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWhoeverWasShownThePlaintextCanCheckIt(t *testing.T) {
	p := meet(t)
	s := mustSeal(t, p.ann, p.draft())
	e := received(t, s.Block)
	if err := e.Verify(p.ann.Identity()); err != nil {
		t.Fatal(err)
	}
	if err := e.CheckPlain(s.Plain); err != nil {
		t.Error(err)
	}
	for i := range s.Plain {
		changed := bytes.Clone(s.Plain)
		changed[i] ^= 1
		refused(t, e.CheckPlain(changed), "found another")
	}
	refused(t, e.CheckPlain(nil), "found another")
}

func TestAnOfferIsReadByEveryone(t *testing.T) {
	p := meet(t)
	s := mustSeal(t, p.ann, Draft{Kind: Offer, Time: monday, Expires: tuesday, Body: letter{"for hire"}})
	e, plain, err := openVerified(s.Block, p.ann.Identity(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got letter
	if err := DecodePlain(plain, &got); err != nil || got.Text != "for hire" {
		t.Errorf("found %v, %v", got, err)
	}
	if len(e.Keys) != 0 || !bytes.Equal(e.Body, s.Plain) {
		t.Error("expected the plaintext as body, and no keys")
	}
}

func TestTheSameDraftNeverGivesTheSameEnvelope(t *testing.T) {
	p := meet(t)
	a, b := mustSeal(t, p.ann, p.draft()), mustSeal(t, p.ann, p.draft())
	if a.CID == b.CID || bytes.Equal(a.Plain, b.Plain) || a.Envelope.hash == b.Envelope.hash {
		t.Error("expected a new salt and a new content key each time")
	}
}

func TestSealRefusesADraftThatBreaksARule(t *testing.T) {
	p := meet(t)
	links := func(n int) (l []dag.CID) {
		for i := range n {
			l = append(l, dag.Sum([]byte{byte(i)}))
		}
		return l
	}
	for _, c := range []struct {
		name, says string
		change     func(d *Draft)
	}{
		{"no kind", "known kind", func(d *Draft) { d.Kind = "" }},
		{"an order that nobody is to read", "expected recipients", func(d *Draft) { d.Recipients = nil }},
		{"an offer for somebody", "expected recipients in every kind but", func(d *Draft) { d.Kind = Offer }},
		{"a recipient twice", "every name once", func(d *Draft) { d.Recipients = append(d.Recipients, p.bob.Identity()) }},
		{"a recipient missing", "expected an identity", func(d *Draft) { d.Recipients[0] = nil }},
		{"too many previous links", "at most 64", func(d *Draft) { d.Previous = links(65) }},
		{"a previous link twice", "another DAG-CBOR block", func(d *Draft) { d.Previous = append(d.Previous, d.Previous[0]) }},
		{"an undefined previous link", "another DAG-CBOR block", func(d *Draft) { d.Previous = make([]dag.CID, 1) }},
		{"a raw previous link", "another DAG-CBOR block", func(d *Draft) { d.Previous = []dag.CID{dag.SumRaw(nil)} }},
		{"no time", "expected a time", func(d *Draft) { d.Time = time.Time{} }},
		{"an expiry that is its time", "expected expiry", func(d *Draft) { d.Expires = d.Time }},
		{"an expiry out of bounds", "within 744h", func(d *Draft) { d.Expires = d.Time.Add(MaxLife + time.Millisecond) }},
		{"a body without encoding", "encode", func(d *Draft) { d.Body = 1.5 }},
		{"a body too large", "at most 1048576 bytes", func(d *Draft) { d.Body = make([]byte, dag.MaxBlock-100) }},
		{"too much extra", "at most 4096", func(d *Draft) { d.Extra = dag.Values{"a": bytesItem(5000)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := p.draft()
			c.change(&d)
			_, err := Seal(p.ann, d)
			refused(t, err, c.says)
		})
	}
	t.Run("the bounds themselves are allowed", func(t *testing.T) {
		d := p.draft()
		d.Previous, d.Expires = links(64), d.Time.Add(MaxLife)
		if _, err := Parse(mustSeal(t, p.ann, d).Block); err != nil {
			t.Error(err)
		}
	})
}

// bytesItem is the encoding of n zero bytes, 256 ≤ n < 65536.
func bytesItem(n int) dag.Raw {
	return append([]byte{0x59, byte(n >> 8), byte(n)}, make([]byte, n)...)
}

// The signer is honest about the signature and dishonest about the rest.
func TestParseRefusesASignedEnvelopeThatBreaksARule(t *testing.T) {
	p := meet(t)
	for _, c := range []struct {
		name, says string
		change     func(e *Envelope)
	}{
		{"another version", "expected version 1, found 2", func(e *Envelope) { e.Header.Version = 2 }},
		{"an unknown suite", "unknown suite", func(e *Envelope) { e.Header.Suite = "dta-v1" }},
		{"an unknown kind", "known kind", func(e *Envelope) { e.Header.Kind = "gossip" }},
		{"no signer", "signer: expected a name", func(e *Envelope) { e.Header.Signer.Name = dag.CID{} }},
		{"a signer without document", "signer: expected a name and a document", func(e *Envelope) { e.Header.Signer.Document = dag.CID{} }},
		{"a recipient without name", "recipient 1: expected a name", func(e *Envelope) { e.Header.Recipients[1].Name = dag.CID{} }},
		{"a recipient twice", "every name once", func(e *Envelope) { e.Header.Recipients[1].Name = e.Header.Recipients[0].Name }},
		{"more recipients than keys", "expected 3 keys", func(e *Envelope) {
			e.Header.Recipients = append(e.Header.Recipients, p.ann.Identity().Party())
		}},
		{"more keys than recipients", "expected 2 keys", func(e *Envelope) { e.Keys = append(e.Keys, e.Keys[0]) }},
		{"no keys", "expected 2 keys", func(e *Envelope) { e.Keys = nil }},
		{"no recipients", "expected recipients in every kind", func(e *Envelope) { e.Header.Recipients, e.Keys = nil, nil }},
		{"too many recipients", "at most 40 recipients", func(e *Envelope) {
			for i := range 40 {
				c := dag.Sum([]byte{byte(i)})
				e.Header.Recipients = append(e.Header.Recipients, identity.Party{Name: c, Document: c})
				e.Keys = append(e.Keys, e.Keys[0])
			}
		}},
		{"a key of another size", "key 1: expected 1168 bytes", func(e *Envelope) { e.Keys[1].Sealed = e.Keys[1].Sealed[1:] }},
		{"an offer with recipients", "expected recipients in every kind but", func(e *Envelope) { e.Header.Kind = Offer }},
		{"no body", "body: expected at least", func(e *Envelope) { e.Body = nil }},
		{"no time", "expected a time", func(e *Envelope) { e.Header.Time = 0 }},
		{"a time beyond the calendar", "expected a time", func(e *Envelope) { e.Header.Time = 1 << 62; e.Header.Expires = 1<<63 - 1 }},
		{"an expiry before its time", "expected expiry", func(e *Envelope) { e.Header.Expires = e.Header.Time - 1 }},
		{"an expiry out of bounds", "expected expiry", func(e *Envelope) { e.Header.Expires = 1<<63 - 1 }},
		{"plain that is no CID", "plain: ", func(e *Envelope) { e.Header.Plain = e.Header.Plain[1:] }},
		{"plain that is a raw CID", "plain: expected the CID of DAG-CBOR", func(e *Envelope) { e.Header.Plain = dag.SumRaw(nil).Bytes() }},
		{"something critical that is unknown", `found ["later"]`, func(e *Envelope) { e.Header.Critical = dag.Values{"later": {0xf5}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := received(t, mustSeal(t, p.ann, p.draft()).Block)
			c.change(e)
			_, err := Parse(resign(t, e, p.ann))
			refused(t, err, c.says)
		})
	}
}

// A refusal is kept, logged and sent: it must not grow with what is refused.
func TestARefusalRepeatsLittleOfAnEnvelope(t *testing.T) {
	p := meet(t)
	long := strings.Repeat("\u202e", 100_000)
	for name, change := range map[string]func(e *Envelope){
		"a long suite":     func(e *Envelope) { e.Header.Suite = long },
		"a long kind":      func(e *Envelope) { e.Header.Kind = Kind(long) },
		"a long algorithm": func(e *Envelope) { e.Signatures[0].Algorithm = long },
	} {
		t.Run(name, func(t *testing.T) {
			e := received(t, mustSeal(t, p.ann, p.draft()).Block)
			change(e)
			block, err := dag.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(block)
			refused(t, err, "")
			if n := len(err.Error()); n > 4096 {
				t.Errorf("expected at most 4096 bytes; found %d", n)
			}
		})
	}
}

func TestAnEnvelopeHasExactlyItsSignatures(t *testing.T) {
	p := meet(t)
	for _, c := range []struct {
		name, says string
		change     func(e *Envelope)
	}{
		{"none", "expected 1 signature, found 0", func(e *Envelope) { e.Signatures = nil }},
		{"one too many", "expected 1 signature, found 2", func(e *Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }},
		{"one in another algorithm", "expected algorithm", func(e *Envelope) { e.Signatures[0].Algorithm = "none" }},
		{"a short one", "expected 3373 bytes", func(e *Envelope) { e.Signatures[0].Signature = e.Signatures[0].Signature[1:] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := received(t, mustSeal(t, p.ann, p.draft()).Block)
			c.change(e)
			block, err := dag.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(block)
			refused(t, err, c.says)
		})
	}
}

func TestWhatIsUnknownInExtraIsKeptAndIgnored(t *testing.T) {
	p := meet(t)
	d := p.draft()
	d.Extra = dag.Values{"later": {0xf5}}
	e, _, err := openVerified(mustSeal(t, p.ann, d).Block, p.ann.Identity(), p.bob)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Extra, e.Header.Extra); diff != "" {
		t.Error(diff)
	}
}

func TestTheHeaderHashIsThatOfTheEncodedHeader(t *testing.T) {
	p := meet(t)
	e := received(t, mustSeal(t, p.ann, p.draft()).Block)
	b, err := dag.Encode(e.Header)
	if err != nil {
		t.Fatal(err)
	}
	if e.hash != sha256.Sum256(b) {
		t.Error("expected SHA-256 of the DAG-CBOR of the header")
	}
}

func TestFresh(t *testing.T) {
	p := meet(t)
	e := mustSeal(t, p.ann, p.draft()).Envelope
	for _, c := range []struct {
		name, says string
		now        time.Time
	}{
		{"at its time", "", monday},
		{"by a clock two minutes behind", "", monday.Add(-MaxSkew)},
		{"by a clock further behind", "expected a time up to", monday.Add(-MaxSkew - time.Millisecond)},
		{"at its expiry", "", tuesday},
		{"after its expiry", "before it expired at 2026-03-03T09:00:00Z", tuesday.Add(time.Millisecond)},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := e.Fresh(c.now)
			if c.says == "" && err != nil {
				t.Error(err)
			}
			if c.says != "" {
				refused(t, err, c.says)
			}
		})
	}
}

func TestAPlaintextIsReadStrictly(t *testing.T) {
	p := meet(t)
	plain := mustSeal(t, p.ann, p.draft()).Plain
	for n := range plain {
		refused(t, DecodePlain(plain[:n], &letter{}), "")
	}
	refused(t, DecodePlain(append(bytes.Clone(plain), 0), &letter{}), "1 more bytes")
	refused(t, DecodePlain(append([]byte{0x83}, plain[1:]...), &letter{}), "expected a list of a salt")
	var other struct {
		Text, More string
	}
	refused(t, DecodePlain(plain, &other), "unknown field")
	if !strings.HasPrefix(fmt.Sprintf("%x", plain), "825820") {
		t.Errorf("expected a list of two that begins with 32 bytes, found %x", plain[:3])
	}
}
