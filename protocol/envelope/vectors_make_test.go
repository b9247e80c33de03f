package envelope_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/vectortest"
)

// What -update writes. The keys are random, so every run gives other vectors.

var (
	monday  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tuesday = monday.Add(24 * time.Hour)
)

func makeChains(t *testing.T) []chainVector {
	var vs []chainVector
	add := func(about string, valid bool, blocks [][]byte, signers ...*identity.Keyring) {
		v := chainVector{About: about, Valid: valid, Name: dag.Sum(blocks[0]), Signers: [][]vectortest.Hex{}}
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
	add("a custody identity, without log key", true, custody.Identity().Blocks())
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

func signDocument(t *testing.T, d *identity.Document, own *sign.PrivateKey, others ...*identity.Keyring) []byte {
	d.Signatures = nil
	msg, err := dag.Encode(d)
	ok(t, err)
	d.Signatures = []identity.Signature{{Algorithm: sign.V2.Algorithm, Signature: own.Sign(sign.Document, msg)}}
	for _, k := range others {
		p := k.Identity().Party()
		d.Signatures = append(d.Signatures, identity.Signature{Signer: p.Name, Document: p.Document, Algorithm: sign.V2.Algorithm, Signature: k.Sign(sign.Document, msg)})
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
		h := headerHash(t, s.Block)
		v := envelopeVector{
			About: about, Valid: true, CID: s.CID, Block: s.Block, Signer: hexes(ann2.Identity().Blocks()),
			SigningKey: signerOf(t, signer).Bytes().Open(), Recipient: []vectortest.Hex{}, Index: index,
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

func create(t *testing.T, kind identity.Kind, reference string) (*identity.Keyring, *sign.PrivateKey) {
	t.Helper()
	k, next, err := identity.Create(kind, reference, monday)
	ok(t, err)
	return k, next
}

// signerOf and sealSeed read keys out of a keyring at rest: a magic of 15
// bytes, then the signing seed of 64; at the end the sealing seed.
func signerOf(t *testing.T, k *identity.Keyring) *sign.PrivateKey {
	t.Helper()
	key, err := sign.V2.ParsePrivateKey(secret.Copy(k.Marshal().Open()[15:79]))
	ok(t, err)
	return key
}

func sealSeed(k *identity.Keyring) []byte {
	b := k.Marshal().Open()
	return bytes.Clone(b[len(b)-32:])
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}
