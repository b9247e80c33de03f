package identity

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secp"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Keyring is the secret half of an identity: the signing key of its newest
// document, the sealing and wallet keys of all its documents (what was sealed
// to an earlier one still has to open), and the state key. The announced
// next signing key is not in it.
//
// It does not print, does not change, and may be used by many goroutines until
// Clear.
type Keyring struct {
	secret.Hidden
	identity *Identity
	signing  *bls.PrivateKey
	state    *secret.Bytes
	halves   []half // one for each document
}

// half holds the secret keys that belong to one document.
type half struct {
	suite   seal.Suite
	sealing *seal.PrivateKey
	wallet  *secp.PrivateKey // nil where the document has none
}

// StateKeySize is the size of the state key in bytes.
const StateKeySize = 32

// Create makes a new party: its keys, its first document and so its name. It
// also returns the announced key that will sign the next document; the caller
// keeps it apart from the keyring and clears it. A node gets a wallet key, a
// custody identity none.
func Create(kind Kind, reference string, now time.Time) (*Keyring, *bls.PrivateKey, error) {
	k := &Keyring{signing: bls.NewPrivateKey(), state: secret.Random(StateKeySize)}
	next, err := k.add(&Document{
		Version:   Version,
		Suite:     seal.V1.Name,
		Kind:      kind,
		Reference: reference,
		Time:      now.UnixMilli(),
	})
	if err != nil {
		k.Clear()
		return nil, nil, fmt.Errorf("create identity: %w", err)
	}
	return k, next, nil
}

// Rotate makes the next document of the party, with new keys, signed by next,
// the key announced; reference and recovery set stay. It returns a keyring
// of its own, and the key now announced. The receiver and next stay valid and
// the caller's, to be cleared once the new keyring is safely kept.
func (k *Keyring) Rotate(next *bls.PrivateKey, now time.Time) (*Keyring, *bls.PrivateKey, error) {
	doc := k.identity.Doc
	if h := sha256.Sum256(next.Public().Bytes()); string(h[:]) != string(doc.Next) {
		return nil, nil, fault.New(fault.Invalid, "rotate identity %s: expected the announced signing key with hash %x, found one with %x", k.identity.Name, doc.Next, h)
	}
	if now.UnixMilli() < doc.Time {
		return nil, nil, fault.New(fault.Invalid, "rotate identity %s: expected a time from %d ms, found %d", k.identity.Name, doc.Time, now.UnixMilli())
	}
	rotated, err := k.clone(next)
	if err != nil {
		return nil, nil, fmt.Errorf("rotate identity %s: %w", k.identity.Name, err)
	}
	announced, err := rotated.add(&Document{
		Version:   Version,
		Suite:     doc.Suite,
		Kind:      doc.Kind,
		Reference: doc.Reference,
		Time:      now.UnixMilli(),
		Sequence:  doc.Sequence + 1,
		Previous:  k.identity.Document,
		Recovery:  doc.Recovery,
	})
	if err != nil {
		rotated.Clear()
		return nil, nil, fmt.Errorf("rotate identity %s: %w", k.identity.Name, err)
	}
	return rotated, announced, nil
}

// add completes doc with new keys, signs it with k.signing, and makes it k's
// newest. It returns the key that doc announces.
func (k *Keyring) add(doc *Document) (_ *bls.PrivateKey, err error) {
	next := bls.NewPrivateKey()
	defer func() {
		if err != nil {
			next.Clear()
		}
	}()
	h, err := newHalf(doc)
	if err != nil {
		return nil, err
	}
	k.halves = append(k.halves, h)

	announced := sha256.Sum256(next.Public().Bytes())
	doc.Signing = k.signing.Public().Bytes()
	doc.Possession = k.signing.ProvePossession()
	doc.Sealing = h.sealing.Public()
	if h.wallet != nil {
		doc.Wallet = h.wallet.Public()
	}
	doc.Next = announced[:]
	block, err := sign(doc, k.signing)
	if err != nil {
		return nil, err
	}
	var blocks [][]byte
	if k.identity != nil {
		blocks = k.identity.Blocks()
	}
	// What is made here passes the checks that others will apply.
	k.identity, err = extend(k.identity, append(blocks, block), nil)
	return next, err
}

func newHalf(doc *Document) (half, error) {
	suite, err := seal.ByName(doc.Suite)
	if err != nil {
		return half{}, err
	}
	h := half{suite: suite}
	if h.sealing, err = suite.NewPrivateKey(); err != nil {
		return half{}, err
	}
	if doc.Kind == Node {
		h.wallet = secp.NewPrivateKey()
	}
	return h, nil
}

// sign puts the document's own signatures first, one in each algorithm of its
// suite, and returns the block.
func sign(doc *Document, key *bls.PrivateKey) ([]byte, error) {
	suite, err := seal.ByName(doc.Suite)
	if err != nil {
		return nil, err
	}
	doc.Signatures = nil
	msg, err := dag.Encode(doc)
	if err != nil {
		return nil, err
	}
	for _, a := range suite.Signatures {
		s, err := signIn(a, key, bls.DomainDocument, msg)
		if err != nil {
			return nil, err
		}
		doc.Signatures = append(doc.Signatures, Signature{Algorithm: a, Signature: s})
	}
	return dag.Encode(doc)
}

// clone copies all keys but the signing key, which becomes a copy of signing.
func (k *Keyring) clone(signing *bls.PrivateKey) (_ *Keyring, err error) {
	c := &Keyring{identity: k.identity, state: secret.Copy(k.state.Open())}
	defer func() {
		if err != nil {
			c.Clear()
		}
	}()
	b := signing.Bytes()
	defer b.Clear()
	if c.signing, err = bls.ParsePrivateKey(b); err != nil {
		return nil, err
	}
	for _, h := range k.halves {
		copied, err := h.clone()
		if err != nil {
			return nil, err
		}
		c.halves = append(c.halves, copied)
	}
	return c, nil
}

func (h half) clone() (half, error) {
	seed := h.sealing.Seed()
	defer seed.Clear()
	var wallet *secret.Bytes
	if h.wallet != nil {
		wallet = h.wallet.Bytes()
		defer wallet.Clear()
	}
	return parseHalf(h.suite, seed, wallet)
}

// parseHalf copies what it is given. A nil wallet is none.
func parseHalf(suite seal.Suite, seed, wallet *secret.Bytes) (half, error) {
	h := half{suite: suite}
	var err error
	if h.sealing, err = suite.ParsePrivateKey(seed); err != nil {
		return half{}, err
	}
	if wallet != nil {
		if h.wallet, err = secp.ParsePrivateKey(wallet); err != nil {
			h.sealing.Clear()
			return half{}, err
		}
	}
	return h, nil
}

// Identity returns the public half.
func (k *Keyring) Identity() *Identity { return k.identity }

// Sign signs with the newest signing key.
func (k *Keyring) Sign(d bls.Domain, msg []byte) []byte { return k.signing.Sign(d, msg) }

// OpenAt opens what was sealed to one of the party's documents.
func (k *Keyring) OpenAt(document dag.CID, info, aad, sealed []byte) (*secret.Bytes, error) {
	n := k.identity.index(document)
	if n < 0 {
		return nil, fault.New(fault.Invalid, "open: expected a document of %s, found %s", k.identity.Name, document)
	}
	h := k.halves[n]
	opened, err := h.suite.OpenWith(h.sealing, info, aad, sealed)
	if err != nil {
		return nil, fault.New(fault.Invalid, "open for %s: %w", k.identity.Name, err)
	}
	return opened, nil
}

// StateKey returns a copy of the 32-byte key under which the party encrypts its
// own state at rest. It stays the same through rotations. The caller clears it.
func (k *Keyring) StateKey() *secret.Bytes { return secret.Copy(k.state.Open()) }

// Wallet returns the newest wallet key, nil for a custody identity. It belongs
// to the keyring: the caller does not clear it.
func (k *Keyring) Wallet() *secp.PrivateKey { return k.halves[len(k.halves)-1].wallet }

// Clear overwrites the keys. It may be called again, and on nil.
func (k *Keyring) Clear() {
	if k == nil {
		return
	}
	k.signing.Clear()
	k.state.Clear()
	for _, h := range k.halves {
		h.sealing.Clear()
		h.wallet.Clear()
	}
}
