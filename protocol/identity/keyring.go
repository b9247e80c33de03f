package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Keyring is the secret half of an identity: the signing key and, of a node, the
// log key of its newest document, the sealing keys of all its documents (what was
// sealed to an earlier one still has to open), and the state key. The announced
// next signing key is not in it.
//
// It does not print, does not change, and may be used by many goroutines until
// Clear.
type Keyring struct {
	secret.Hidden
	identity *Identity
	signing  *sign.PrivateKey
	log      *secret.Bytes // Ed25519 seed, 32 bytes; empty for a custody identity
	state    *secret.Bytes
	halves   []half // one for each document
}

// half holds the sealing key of one document.
type half struct {
	suite   seal.Suite
	sealing *seal.PrivateKey
}

// StateKeySize is the size of the state key in bytes.
const StateKeySize = 32

// Create makes a new party: its keys, its first document and so its name. It
// also returns the announced key that will sign the next document; the caller
// keeps it apart from the keyring and clears it. A node gets a log key, a custody
// identity none.
func Create(kind Kind, reference string, now time.Time) (*Keyring, *sign.PrivateKey, error) {
	k := &Keyring{signing: seal.V2.Signing.NewPrivateKey(), state: secret.Random(StateKeySize)}
	next, err := k.add(&Document{
		Version:   Version,
		Suite:     seal.V2.Name,
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
func (k *Keyring) Rotate(next *sign.PrivateKey, now time.Time) (*Keyring, *sign.PrivateKey, error) {
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
func (k *Keyring) add(doc *Document) (_ *sign.PrivateKey, err error) {
	suite, err := seal.ByName(doc.Suite)
	if err != nil {
		return nil, err
	}
	next := suite.Signing.NewPrivateKey()
	defer func() {
		if err != nil {
			next.Clear()
		}
	}()
	sealing, err := suite.NewPrivateKey()
	if err != nil {
		return nil, err
	}
	k.halves = append(k.halves, half{suite: suite, sealing: sealing})
	if n := doc.Kind.logSize(); n > 0 {
		k.log = secret.Random(ed25519.SeedSize)
		doc.Log = logPublic(k.log)
	}

	announced := sha256.Sum256(next.Public().Bytes())
	doc.Signing = k.signing.Public().Bytes()
	doc.Sealing = sealing.Public()
	doc.Next = announced[:]
	block, err := selfSign(doc, suite.Signing, k.signing)
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

// logPublic is the public half of a log key's seed.
func logPublic(seed *secret.Bytes) []byte {
	private := secret.New(ed25519.NewKeyFromSeed(seed.Open()))
	defer private.Clear()
	return bytes.Clone(private.Open()[ed25519.SeedSize:])
}

// selfSign makes the document's own signature its only one, and returns the
// block.
func selfSign(doc *Document, suite sign.Suite, key *sign.PrivateKey) ([]byte, error) {
	doc.Signatures = nil
	msg, err := dag.Encode(doc)
	if err != nil {
		return nil, err
	}
	doc.Signatures = []Signature{{Algorithm: suite.Algorithm, Signature: key.Sign(sign.Document, msg)}}
	return dag.Encode(doc)
}

// clone copies all keys but the signing key, which becomes a copy of signing, and
// the log key, which add makes anew.
func (k *Keyring) clone(signing *sign.PrivateKey) (_ *Keyring, err error) {
	c := &Keyring{identity: k.identity, state: secret.Copy(k.state.Open())}
	defer func() {
		if err != nil {
			c.Clear()
		}
	}()
	b := signing.Bytes()
	defer b.Clear()
	suite, err := seal.ByName(k.identity.Doc.Suite)
	if err != nil {
		return nil, err
	}
	if c.signing, err = suite.Signing.ParsePrivateKey(b); err != nil {
		return nil, err
	}
	for _, h := range k.halves {
		c.halves = append(c.halves, half{suite: h.suite, sealing: h.sealing.Clone()})
	}
	return c, nil
}

// Identity returns the public half.
func (k *Keyring) Identity() *Identity { return k.identity }

// Sign signs with the newest signing key. Signing the same again gives another
// signature: it is done once, and its result stored.
func (k *Keyring) Sign(p sign.Purpose, msg []byte) []byte { return k.signing.Sign(p, msg) }

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

// LogKey returns a copy of the seed of the newest log key, an Ed25519 key that
// signs the checkpoints of the node's audit log and nothing else: 32 bytes, which
// the caller clears. It is empty for a custody identity.
func (k *Keyring) LogKey() *secret.Bytes { return secret.Copy(k.log.Open()) }

// Clear overwrites the keys. It may be called again, and on nil.
func (k *Keyring) Clear() {
	if k == nil {
		return
	}
	k.signing.Clear()
	k.log.Clear()
	k.state.Clear()
	for _, h := range k.halves {
		h.sealing.Clear()
	}
}
