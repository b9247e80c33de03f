package envelope_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

var update = flag.Bool("update", false, "write new vectors to protocol/testdata")

const (
	documentsFile = "../testdata/documents.json"
	envelopesFile = "../testdata/envelopes.json"
	blocksFile    = "../testdata/blocks.json"
)

// hexBytes travels as hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexBytes) UnmarshalText(s []byte) (err error) {
	*h, err = hex.DecodeString(string(s))
	return err
}

type chainVector struct {
	About     string     `json:"about"`
	Valid     bool       `json:"valid"`
	Name      dag.CID    `json:"name"`
	Documents []dag.CID  `json:"documents"`
	Blocks    []hexBytes `json:"blocks"`
	// Signers are the chains that a recovery needs.
	Signers [][]hexBytes `json:"signers"`
}

type envelopeVector struct {
	About      string     `json:"about"`
	Valid      bool       `json:"valid"`
	CID        dag.CID    `json:"cid"`
	Block      hexBytes   `json:"block"`
	Signer     []hexBytes `json:"signer"`     // chain
	SigningKey hexBytes   `json:"signingKey"` // the signer's, secret
	Recipient  []hexBytes `json:"recipient"`  // chain; empty for an offer
	Index      int        `json:"index"`      // of the recipient
	SealSeed   hexBytes   `json:"sealSeed"`   // the recipient's, secret
	HeaderHash hexBytes   `json:"headerHash"`
	PlainCID   dag.CID    `json:"plainCID"`
	Plain      hexBytes   `json:"plain"`
	Text       string     `json:"text"` // the body is the map {text}
}

type blockVector struct {
	About string   `json:"about"`
	Valid bool     `json:"valid"`
	Block hexBytes `json:"block"`
	CID   dag.CID  `json:"cid"`
}

type body struct {
	Text string `cbor:"text"`
}

func TestDocumentVectors(t *testing.T) {
	if *update {
		write(t, documentsFile, makeChains(t))
	}
	for _, v := range read[chainVector](t, documentsFile) {
		t.Run(v.About, func(t *testing.T) {
			id, err := identity.VerifyWith(plainBytes(v.Blocks), resolver(t, v.Signers))
			if !v.Valid {
				if fault.Of(err) != fault.Invalid {
					t.Fatalf("expected an invalid, got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.Name != v.Name {
				t.Errorf("name: expected %s, got %s", v.Name, id.Name)
			}
			if diff := cmp.Diff(v.Documents, id.Documents(), cmp.Comparer(func(a, b dag.CID) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvelopeVectors(t *testing.T) {
	if *update {
		write(t, envelopesFile, makeEnvelopes(t))
	}
	for _, v := range read[envelopeVector](t, envelopesFile) {
		t.Run(v.About, func(t *testing.T) {
			signer, err := identity.Verify(plainBytes(v.Signer))
			if err != nil {
				t.Fatal(err)
			}
			e, err := envelope.Parse(v.Block)
			if err == nil {
				err = e.Verify(signer)
			}
			if !v.Valid {
				if fault.Of(err) != fault.Invalid {
					t.Fatalf("expected an invalid, got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h := e.HeaderHash(); e.CID() != v.CID || !bytes.Equal(h[:], v.HeaderHash) || e.PlainCID() != v.PlainCID {
				t.Errorf("expected CIDs %s and %s, header hash %x; got %s, %s, %x", v.CID, v.PlainCID, v.HeaderHash, e.CID(), e.PlainCID(), h)
			}
			if err := e.CheckPlain(v.Plain); err != nil {
				t.Error(err)
			}
			if got := openByHand(t, v, e); !bytes.Equal(got, v.Plain) {
				t.Errorf("expected plaintext %x, got %x", v.Plain, got)
			}
			signByHand(t, v)
			var b body
			if err := envelope.DecodePlain(v.Plain, &b); err != nil || b.Text != v.Text {
				t.Errorf("expected %q, got %q, %v", v.Text, b.Text, err)
			}
		})
	}
}

// openByHand opens with the seed alone, as the format's description says.
func openByHand(t *testing.T, v envelopeVector, e *envelope.Envelope) []byte {
	t.Helper()
	if len(v.Recipient) == 0 {
		return e.Body
	}
	name := dag.Sum(v.Recipient[0])
	if e.Header.Recipients[v.Index].Name != name {
		t.Fatalf("expected recipient %s at %d, got %s", name, v.Index, e.Header.Recipients[v.Index].Name)
	}
	k, err := seal.V1.ParsePrivateKey(secret.Copy(v.SealSeed))
	if err != nil {
		t.Fatal(err)
	}
	info := append([]byte("dta/envelope/key/v1"), v.HeaderHash...)
	aad := binary.BigEndian.AppendUint32(name.Bytes(), uint32(v.Index))
	key, err := seal.V1.OpenWith(k, info, aad, e.Keys[v.Index].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := seal.V1.Decrypt(key, v.HeaderHash, e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return plain.Open()
}

// signByHand signs the block with an empty list of signatures: BLS signatures
// are unique, so the one in the block must come out.
func signByHand(t *testing.T, v envelopeVector) {
	t.Helper()
	var e struct {
		Header     envelope.Header      `cbor:"header"`
		Keys       []envelope.Key       `cbor:"keys"`
		Body       []byte               `cbor:"body"`
		Signatures []envelope.Signature `cbor:"signatures"`
	}
	if err := dag.Decode(v.Block, &e); err != nil {
		t.Fatal(err)
	}
	want := e.Signatures[0].Signature
	e.Signatures = nil
	msg, err := dag.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	k, err := bls.ParseSecretKey(secret.Copy(v.SigningKey))
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Sign(bls.DomainEnvelope, msg); !bytes.Equal(got, want) {
		t.Errorf("expected signature %x, got %x", want, got)
	}
}

func TestBlockVectors(t *testing.T) {
	if *update {
		write(t, blocksFile, makeBlocks(t))
	}
	for _, v := range read[blockVector](t, blocksFile) {
		t.Run(v.About, func(t *testing.T) {
			var raw dag.Raw
			err := dag.Decode(v.Block, &raw)
			if v.Valid && err != nil {
				t.Error(err)
			}
			if !v.Valid && fault.Of(err) != fault.Invalid {
				t.Errorf("expected an invalid, got %v", err)
			}
			if v.Valid && dag.Sum(v.Block) != v.CID {
				t.Errorf("expected %s, got %s", v.CID, dag.Sum(v.Block))
			}
		})
	}
}

var (
	monday  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tuesday = monday.Add(24 * time.Hour)
)

func makeChains(t *testing.T) []chainVector {
	var vs []chainVector
	add := func(about string, valid bool, blocks [][]byte, signers ...*identity.Keyring) {
		v := chainVector{About: about, Valid: valid, Name: dag.Sum(blocks[0]), Signers: [][]hexBytes{}}
		for _, b := range blocks {
			v.Documents = append(v.Documents, dag.Sum(b))
			v.Blocks = append(v.Blocks, b)
		}
		for _, k := range signers {
			v.Signers = append(v.Signers, hexes(k.Identity().Blocks()))
		}
		vs = append(vs, v)
	}
	node, next := create(t, identity.Node, "node.example")
	custody, _ := create(t, identity.Custody, "vault-a")
	rotated, next2, err := node.Rotate(next, tuesday)
	ok(t, err)
	again, _, err := rotated.Rotate(next2, tuesday)
	ok(t, err)
	other, _, err := node.Rotate(next, tuesday)
	ok(t, err)
	b := again.Identity().Blocks()

	add("a node", true, b[:1])
	add("a custody identity, without wallet key", true, custody.Identity().Blocks())
	add("a node that rotated twice", true, b)
	add("a chain with a gap", false, [][]byte{b[0], b[2]})
	add("a chain in another order", false, [][]byte{b[0], b[2], b[1]})
	add("a chain that goes on from another fork", false, [][]byte{b[0], other.Identity().Blocks()[1], b[2]})
	add("a chain without its beginning", false, b[1:])
	add("a changed byte in the signature", false, [][]byte{flip(b[0], len(b[0])-1)})
	add("a changed byte in the sealing key", false, [][]byte{flip(b[0], 200)})

	ann, _ := create(t, identity.Node, "ann")
	bob, _ := create(t, identity.Node, "bob")
	cas, _ := create(t, identity.Node, "cas")
	friends := []*identity.Keyring{ann, bob, cas}
	slices.SortFunc(friends, func(a, b *identity.Keyring) int { return a.Identity().Name.Compare(b.Identity().Name) })
	add("a rotation by two of three names of the recovery set", true, recovered(t, friends, friends[:2]), friends...)
	add("a rotation by one of three names, where two are needed", false, recovered(t, friends, friends[:1]), friends...)
	add("a rotation by two names in another order", false, recovered(t, friends, []*identity.Keyring{friends[1], friends[0]}), friends...)
	return vs
}

// recovered returns a chain of two: the first document names set for recovery
// with threshold two, the second brings a key that was not announced, and is
// signed by signers.
func recovered(t *testing.T, set, signers []*identity.Keyring) [][]byte {
	var names []dag.CID
	for _, k := range set {
		names = append(names, k.Identity().Name)
	}
	a, _ := create(t, identity.Node, "lost")
	first := *a.Identity().Doc
	first.Recovery = &identity.Recovery{Names: names, Threshold: 2}
	block := signDocument(t, &first, signerOf(t, a))

	b, _ := create(t, identity.Node, "lost")
	second := *b.Identity().Doc
	second.Sequence, second.Previous, second.Time = 1, dag.Sum(block), tuesday.UnixMilli()
	return [][]byte{block, signDocument(t, &second, signerOf(t, b), signers...)}
}

func signDocument(t *testing.T, d *identity.Document, own *bls.SecretKey, others ...*identity.Keyring) []byte {
	d.Signatures = nil
	msg, err := dag.Encode(d)
	ok(t, err)
	d.Signatures = []identity.Signature{{Algorithm: bls.Algorithm, Signature: own.Sign(bls.DomainDocument, msg)}}
	for _, k := range others {
		p := k.Identity().Party()
		d.Signatures = append(d.Signatures, identity.Signature{Signer: p.Name, Document: p.Document, Algorithm: bls.Algorithm, Signature: k.Sign(bls.DomainDocument, msg)})
	}
	block, err := dag.Encode(d)
	ok(t, err)
	return block
}

func makeEnvelopes(t *testing.T) []envelopeVector {
	ann, next := create(t, identity.Node, "ann")
	bob, _ := create(t, identity.Node, "bob")
	cas, _ := create(t, identity.Node, "cas")
	ann2, _, err := ann.Rotate(next, tuesday)
	ok(t, err)

	var vs []envelopeVector
	add := func(about string, signer *identity.Keyring, d envelope.Draft, to *identity.Keyring, index int) envelopeVector {
		s, err := envelope.Seal(signer, d)
		ok(t, err)
		h := s.Envelope.HeaderHash()
		v := envelopeVector{
			About: about, Valid: true, CID: s.CID, Block: s.Block, Signer: hexes(ann2.Identity().Blocks()),
			SigningKey: signerOf(t, signer).Bytes().Open(), Recipient: []hexBytes{}, Index: index,
			HeaderHash: h[:], PlainCID: dag.Sum(s.Plain), Plain: s.Plain, Text: d.Body.(body).Text,
		}
		if to != nil {
			v.Recipient, v.SealSeed = hexes(to.Identity().Blocks()), sealSeed(to)
		}
		vs = append(vs, v)
		return v
	}
	order := envelope.Draft{
		Kind: envelope.Order, Time: monday, Expires: tuesday, Body: body{"an order"},
		Recipients: []*identity.Identity{bob.Identity(), cas.Identity()},
		Previous:   []dag.CID{dag.Sum([]byte("a")), dag.Sum([]byte("b"))},
		Extra:      dag.Values{"note": {0x65, 'h', 'e', 'l', 'l', 'o'}},
	}
	good := add("an order for two, opened by the first", ann, order, bob, 0)
	order.Previous, order.Extra = nil, nil
	add("an order for two, opened by the second", ann, order, cas, 1)
	order.Kind, order.Time, order.Expires = envelope.Notice, tuesday, tuesday.Add(time.Hour)
	add("a notice signed after a rotation", ann2, order, bob, 0)
	add("an offer in the clear", ann, envelope.Draft{Kind: envelope.Offer, Time: monday, Expires: tuesday, Body: body{"an offer"}}, nil, 0)
	order.Time, order.Expires = tuesday.Add(time.Hour), tuesday.Add(2*time.Hour)
	add("a notice signed by a key that was replaced an hour before", ann, order, bob, 0)
	vs[len(vs)-1].Valid = false
	for about, at := range map[string]int{"a changed byte in the body": 20, "a changed byte in the signature": len(good.Block) - 1} {
		bad := good
		bad.About, bad.Valid, bad.Block = about, false, flip(good.Block, at)
		bad.CID = dag.Sum(bad.Block)
		vs = append(vs, bad)
	}
	slices.SortStableFunc(vs[5:], func(a, b envelopeVector) int { return bytes.Compare([]byte(a.About), []byte(b.About)) })
	return vs
}

func makeBlocks(t *testing.T) []blockVector {
	var vs []blockVector
	add := func(about string, valid bool, block ...byte) {
		vs = append(vs, blockVector{About: about, Valid: valid, Block: block, CID: dag.Sum(block)})
	}
	link := append([]byte{0xd8, 0x2a, 0x58, 0x25, 0x00}, dag.Sum([]byte("x")).Bytes()...)
	add("null", true, 0xf6)
	add("an empty map", true, 0xa0)
	add("names by length, then by byte", true, 0xa3, 0x61, 'b', 0, 0x61, 'c', 1, 0x62, 'a', 'a', 2)
	add("a link", true, link...)
	add("the largest number", true, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255)
	add("names by byte alone", false, 0xa2, 0x62, 'a', 'a', 0, 0x61, 'b', 0)
	add("a name twice", false, 0xa2, 0x61, 'a', 0, 0x61, 'a', 0)
	add("a name that is a number", false, 0xa1, 0, 0)
	add("a number longer than needed", false, 0x18, 23)
	add("a list of indefinite length", false, 0x9f, 0xff)
	add("a float", false, 0xf9, 0, 0)
	add("undefined", false, 0xf7)
	add("another tag", false, 0xc1, 0)
	add("a link without its prefix byte", false, append([]byte{0xd8, 0x2a, 0x58, 0x24}, link[5:]...)...)
	add("text that is no UTF-8", false, 0x61, 0xff)
	add("trailing bytes", false, 0xf6, 0xf6)
	add("33 levels", false, append(bytes.Repeat([]byte{0x81}, 33), 0)...)
	return vs
}

func create(t *testing.T, kind identity.Kind, reference string) (*identity.Keyring, *bls.SecretKey) {
	t.Helper()
	k, next, err := identity.Create(kind, reference, monday)
	ok(t, err)
	return k, next
}

// signerOf and sealSeed read keys out of a keyring at rest: a magic of 15
// bytes, then the signing key; at the end the sealing seed and, for a node, the
// wallet key.
func signerOf(t *testing.T, k *identity.Keyring) *bls.SecretKey {
	t.Helper()
	key, err := bls.ParseSecretKey(secret.Copy(k.Marshal().Open()[15:47]))
	ok(t, err)
	return key
}

func sealSeed(k *identity.Keyring) []byte {
	b := k.Marshal().Open()
	return bytes.Clone(b[len(b)-64 : len(b)-32])
}

func resolver(t *testing.T, chains [][]hexBytes) identity.Resolver {
	byName := map[dag.CID]*identity.Identity{}
	for _, c := range chains {
		id, err := identity.Verify(plainBytes(c))
		ok(t, err)
		byName[id.Name] = id
	}
	return func(name, document dag.CID) (*identity.Identity, error) {
		if id := byName[name]; id != nil {
			return id.At(document)
		}
		return nil, fault.New(fault.NotFound, "no %s", name)
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func hexes(bs [][]byte) (hs []hexBytes) {
	for _, b := range bs {
		hs = append(hs, b)
	}
	return hs
}

func plainBytes(hs []hexBytes) (bs [][]byte) {
	for _, h := range hs {
		bs = append(bs, h)
	}
	return bs
}

func read[V any](t *testing.T, file string) (vs []V) {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(file))
	ok(t, err)
	ok(t, json.Unmarshal(b, &vs))
	if len(vs) == 0 {
		t.Fatalf("%s: expected vectors, got none", file)
	}
	return vs
}

func write(t *testing.T, file string, vs any) {
	t.Helper()
	b, err := json.MarshalIndent(vs, "", "  ")
	ok(t, err)
	ok(t, os.WriteFile(filepath.FromSlash(file), append(b, '\n'), 0o644))
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
