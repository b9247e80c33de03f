package identity

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
)

func TestADocumentComesBackAsItWas(t *testing.T) {
	k, _ := create(t, Node, "acme.example/custody")
	got, err := ParseDocument(k.Identity().Blocks()[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k.Identity().Doc, got, cmp.Comparer(func(a, b dag.CID) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestAFirstDocumentBreaksNoRule(t *testing.T) {
	unknown := dag.Values{"later": {0xf5}}
	other := newKey(t)
	for _, c := range []struct {
		name, says string
		change     func(m *maker, d *Document)
	}{
		{"another version", "expected version 1, found 2", func(m *maker, d *Document) { d.Version = 2 }},
		{"an unknown suite", "unknown suite", func(m *maker, d *Document) { d.Suite = "dta-v0" }},
		{"an unknown kind", `expected kind "node" or "custody"`, func(m *maker, d *Document) { d.Kind = "user" }},
		{"a long reference", "at most 128 bytes", func(m *maker, d *Document) { d.Reference = strings.Repeat("a", 129) }},
		{"a reference with control characters", "printable", func(m *maker, d *Document) { d.Reference = "a\x1b[2J" }},
		{"a reference that turns text around", "printable", func(m *maker, d *Document) { d.Reference = "a\u202eb" }},
		{"no time", "expected a time", func(m *maker, d *Document) { d.Time = 0 }},
		{"a negative time", "expected a time", func(m *maker, d *Document) { d.Time = -1 }},
		{"a time beyond the calendar", "expected a time", func(m *maker, d *Document) { d.Time = MaxTime + 1 }},
		{"a previous document", "previous document exactly when", func(m *maker, d *Document) { d.Previous = dag.Sum(nil) }},
		{"a later number without a previous document", "previous document exactly when", func(m *maker, d *Document) { d.Sequence = 1 }},
		{"a later number with one", "expected sequence number 0, found 1", func(m *maker, d *Document) { d.Sequence, d.Previous = 1, dag.Sum(nil) }},
		{"a number beyond the bound", "below 64", func(m *maker, d *Document) { d.Sequence = 64 }},
		{"a short signing key", "expected 1984 bytes, found 1983", func(m *maker, d *Document) { d.Signing = d.Signing[1:] }},
		{"a signing key with another ML-DSA half", "its own signature", func(m *maker, d *Document) { d.Signing[1] ^= 1 }},
		{"a signing key with another Ed25519 half", "its own signature", func(m *maker, d *Document) { d.Signing[len(d.Signing)-1] ^= 1 }},
		{"another party's signing key", "its own signature", func(m *maker, d *Document) { d.Signing = other.Public().Bytes() }},
		{"a short sealing key", "expected 1216 bytes", func(m *maker, d *Document) { d.Sealing = d.Sealing[1:] }},
		{"a sealing key with coefficients not reduced", "sealing key", func(m *maker, d *Document) { copy(d.Sealing, []byte{0xff, 0xff, 0xff}) }},
		{"a log key of another size", "log key: expected 32 bytes, found 31", func(m *maker, d *Document) { d.Log = d.Log[1:] }},
		{"a node without a log key", "log key: expected 32 bytes, found 0", func(m *maker, d *Document) { d.Log = nil }},
		{"a custody identity with a log key", "log key: expected 0 bytes, found 32", func(m *maker, d *Document) { d.Kind = Custody }},
		{"no next key", "expected 32 bytes", func(m *maker, d *Document) { d.Next = nil }},
		{"its own key as the next", "another one", func(m *maker, d *Document) { d.Next = hash(m.signing) }},
		{"a recovery set without names", "1 to 16 names", func(m *maker, d *Document) { d.Recovery = &Recovery{Threshold: 1} }},
		{"a recovery set without threshold", "expected a threshold", func(m *maker, d *Document) { d.Recovery = &Recovery{Names: []dag.CID{dag.Sum(nil)}} }},
		{"a recovery threshold out of reach", "expected a threshold", func(m *maker, d *Document) {
			d.Recovery = &Recovery{Names: []dag.CID{dag.Sum(nil)}, Threshold: 2}
		}},
		{"a recovery set with a name twice", "ascending", func(m *maker, d *Document) {
			d.Recovery = &Recovery{Names: []dag.CID{dag.Sum(nil), dag.Sum(nil)}, Threshold: 1}
		}},
		{"a recovery set with no name", "ascending", func(m *maker, d *Document) { d.Recovery = &Recovery{Names: make([]dag.CID, 1), Threshold: 1} }},
		{"an oversized recovery set", "1 to 16 names", func(m *maker, d *Document) { d.Recovery = &Recovery{Names: make([]dag.CID, 17), Threshold: 1} }},
		{"something critical that is unknown", `found ["later"]`, func(m *maker, d *Document) { d.Critical = unknown }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMaker(t)
			d := m.first()
			c.change(m, d)
			_, err := Verify([][]byte{m.block(d)})
			refused(t, err, c.says)
		})
	}
}

func TestWhatIsUnknownInExtraIsKeptAndIgnored(t *testing.T) {
	m := newMaker(t)
	d := m.first()
	d.Extra = dag.Values{"later": {0xf5}}
	id, err := Verify([][]byte{m.block(d)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Extra, id.Doc.Extra); diff != "" {
		t.Error(diff)
	}
}

func TestADocumentHasExactlyItsSignatures(t *testing.T) {
	stranger, _ := create(t, Node, "stranger")
	for _, c := range []struct {
		name, says string
		change     func(d *Document)
	}{
		{"none", "expected 1 to 17 signatures, found 0", func(d *Document) { d.Signatures = nil }},
		{"its own twice", "signer and document exactly where others sign", func(d *Document) { d.Signatures = append(d.Signatures, d.Signatures[0]) }},
		{"one of a stranger", "expected 0 signatures of others, found 1", func(d *Document) {
			s := d.Signatures[0]
			s.Signer, s.Document = stranger.Identity().Name, stranger.Identity().Document
			d.Signatures = append(d.Signatures, s)
		}},
		{"its own under a name", "exactly where others sign", func(d *Document) { d.Signatures[0].Signer = dag.Sum(nil) }},
		{"one in another algorithm", `expected algorithm "id-MLDSA65-Ed25519-SHA512"`, func(d *Document) { d.Signatures[0].Algorithm = "ml-dsa-65" }},
		{"a short one", "expected 3373 bytes", func(d *Document) { d.Signatures[0].Signature = d.Signatures[0].Signature[1:] }},
		{"too many", "expected 1 to 17", func(d *Document) {
			for len(d.Signatures) < 18 {
				d.Signatures = append(d.Signatures, d.Signatures[0])
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMaker(t)
			d := m.first()
			m.block(d)
			c.change(d)
			block, err := dag.Encode(d)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Verify([][]byte{block})
			refused(t, err, c.says)
		})
	}
}

func TestASignatureForAnotherPurposeDoesNotSignADocument(t *testing.T) {
	m := newMaker(t)
	d := m.first()
	msg, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	d.Signatures = []Signature{{Algorithm: sign.V2.Algorithm, Signature: m.signing.Sign(sign.Envelope, msg)}}
	block, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Verify([][]byte{block})
	refused(t, err, "its own signature")
}

// A changed byte is noticed twice: the stored block is not the one its CID
// names; and under a CID computed again the document does not verify.
func TestEveryChangedByteOfADocumentIsDetected(t *testing.T) {
	k, _ := create(t, Node, "acme")
	block := k.Identity().Blocks()[0]
	step := 1
	if testing.Short() {
		step = 17
	}
	for i := 0; i < len(block); i += step {
		flipped := bytes.Clone(block)
		flipped[i] ^= 1 << (i % 8)
		if err := dag.Check(k.Identity().Name, flipped); err == nil {
			t.Fatalf("byte %d: the changed block passes under the old CID", i)
		}
		if _, err := Verify([][]byte{flipped}); err == nil {
			t.Fatalf("byte %d: the changed block verifies under a new CID", i)
		}
	}
}

func TestEveryTruncationOfADocumentIsRefused(t *testing.T) {
	k, _ := create(t, Custody, "acme")
	block := k.Identity().Blocks()[0]
	for n := range block {
		_, err := ParseDocument(block[:n])
		refused(t, err, "")
	}
	_, err := ParseDocument(append(bytes.Clone(block), 0))
	refused(t, err, "1 more bytes")
}

func TestADocumentIsReadStrictly(t *testing.T) {
	k, _ := create(t, Custody, "acme")
	block := k.Identity().Blocks()[0]
	kind := []byte("\x64kind\x67custody")
	if !bytes.HasPrefix(block[1:], kind) {
		t.Fatalf("expected the document to begin with its kind, found % x", block[:12])
	}
	withCount := func(n byte, rest ...[]byte) []byte { return append([]byte{n}, bytes.Join(rest, nil)...) }
	for _, c := range []struct {
		name, says string
		block      []byte
	}{
		{"a key twice", "after", withCount(block[0]+1, kind, block[1:])},
		{"an unknown field", "unknown field", withCount(block[0]+1, []byte("\x61a\x00"), block[1:])},
		{"a log key that is empty, not absent", "encoding of its own value", withCount(block[0]+1, []byte("\x63log\x40"), block[1:])},
		{"a missing field", "", withCount(block[0]-1, block[1+len(kind):])},
		{"fields in another order", "after", withCount(block[0], block[1+len(kind):], kind)},
		{"a map of indefinite length", "definite", append(withCount(0xbf, block[1:]), 0xff)},
		{"more than the bound", "at most 73728 bytes", make([]byte, MaxDocument+1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseDocument(c.block)
			refused(t, err, c.says)
		})
	}
}

func FuzzParseDocument(f *testing.F) {
	for _, kind := range []Kind{Node, Custody} {
		k, next := create(f, kind, "seed")
		k, _ = rotate(f, k, next, tuesday)
		for _, b := range k.Identity().Blocks() {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		d, err := ParseDocument(block)
		if err != nil {
			refused(t, err, "")
			return
		}
		again, err := dag.Encode(d)
		if err != nil || !bytes.Equal(again, block) {
			t.Fatalf("accepted a document that encodes as another: %v", err)
		}
		_, _ = Verify([][]byte{block})
	})
}
