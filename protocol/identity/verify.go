package identity

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Resolver finds a party that signed a recovery: the verified chain of name,
// cut at document. It says "these keys belonged to that name", and its caller
// decides whether a document that has a successor still counts.
type Resolver func(name, document dag.CID) (*Identity, error)

// Verify verifies a chain of 1 to MaxDocuments documents, first to newest. It
// costs the verification of one signature a document; what the blocks can be
// refused for without one is refused first. Chains with a recovery need
// VerifyWith. The blocks are copied.
func Verify(blocks [][]byte) (*Identity, error) { return VerifyWith(blocks, nil) }

// VerifyWith verifies a chain that may contain recoveries, whose signers it
// asks of who. A nil who refuses them.
func VerifyWith(blocks [][]byte, who Resolver) (*Identity, error) {
	return extend(nil, blocks, who)
}

// extend verifies the documents of blocks that known, a verified beginning of
// the same chain or nil, does not have.
func extend(known *Identity, blocks [][]byte, who Resolver) (*Identity, error) {
	if n := len(blocks); n == 0 || n > MaxDocuments {
		return nil, fault.New(fault.Invalid, "identity: expected 1 to %d documents, found %d", MaxDocuments, n)
	}
	var links []link
	if known != nil {
		links = slices.Clone(known.links)
	}
	have := len(links)
	for _, block := range blocks[have:] {
		doc, err := ParseDocument(block)
		if err != nil {
			return nil, err
		}
		links = append(links, link{cid: dag.Sum(block), doc: doc, block: bytes.Clone(block)})
		if err := follows(links); err != nil {
			return nil, fault.New(fault.Invalid, "identity document %s: %w", links[len(links)-1].cid, err)
		}
	}
	for i := have; i < len(links); i++ {
		if err := verifyLink(links[:i+1], who); err != nil {
			return nil, fault.New(fault.Invalid, "identity document %s: %w", links[i].cid, err)
		}
	}
	return &Identity{links: links, Name: links[0].cid, Document: links[len(links)-1].cid, Doc: links[len(links)-1].doc}, nil
}

// follows checks the last link against the one before it.
func follows(links []link) error {
	n := len(links) - 1
	last := links[n]
	if last.doc.Sequence != uint64(n) {
		return fault.New(fault.Invalid, "expected sequence number %d, found %d", n, last.doc.Sequence)
	}
	if r := last.doc.Recovery; r != nil && slices.Contains(r.Names, links[0].cid) {
		return fault.New(fault.Invalid, "recovery: expected other names, found the party's own")
	}
	if n == 0 {
		return nil
	}
	previous := links[n-1]
	if last.doc.Previous != previous.cid {
		return fault.New(fault.Invalid, "expected previous document %s, found %s", previous.cid, last.doc.Previous)
	}
	if last.doc.Kind != previous.doc.Kind {
		return fault.New(fault.Invalid, "expected kind %q, found %q", previous.doc.Kind, last.doc.Kind)
	}
	if last.doc.Time < previous.doc.Time {
		return fault.New(fault.Invalid, "expected a time from %d ms, found %d", previous.doc.Time, last.doc.Time)
	}
	if !recovers(previous.doc, last.doc) {
		return nil
	}
	if previous.doc.Recovery == nil {
		return fault.New(fault.Invalid, "expected the announced signing key with hash %x, found another", previous.doc.Next)
	}
	return nil
}

// recovers reports whether next brings another key than previous announced.
func recovers(previous, next *Document) bool {
	h := sha256.Sum256(next.Signing)
	return !bytes.Equal(h[:], previous.Next)
}

// verifyLink checks the keys and signatures of the last link, and fills in its
// signing key.
func verifyLink(links []link, who Resolver) error {
	n := len(links) - 1
	last := &links[n]
	suite, err := seal.ByName(last.doc.Suite)
	if err != nil {
		return fault.New(fault.Invalid, "suite: %w", err)
	}
	key, err := suite.Signing.ParsePublicKey(last.doc.Signing)
	if err != nil {
		return fault.New(fault.Invalid, "signing key: %w", err)
	}
	msg, err := dag.WithEmptied(last.block, "signatures")
	if err != nil {
		return err
	}
	// At least one is there: checkSignatures. It also proves possession of the key.
	if err := key.Verify(sign.Document, msg, last.doc.Signatures[0].Signature); err != nil {
		return fault.New(fault.Invalid, "its own signature: %w", err)
	}
	last.key = key

	var set Recovery
	if n > 0 && recovers(links[n-1].doc, last.doc) {
		set = *links[n-1].doc.Recovery
	}
	return verifyRecovery(set, last.doc.Signatures[1:], msg, who)
}

// verifyRecovery checks that exactly the threshold of set signed, none twice. An
// empty set wants no signature.
func verifyRecovery(set Recovery, signatures []Signature, msg []byte, who Resolver) error {
	if n := uint64(len(signatures)); n != set.Threshold {
		return fault.New(fault.Invalid, "expected %d signatures of others, found %d", set.Threshold, n)
	}
	var last dag.CID
	for _, s := range signatures {
		if !slices.Contains(set.Names, s.Signer) || s.Signer.Compare(last) <= 0 {
			return fault.New(fault.Invalid, "recovery: expected signers of the set in its order, found %s after %q", s.Signer, last)
		}
		last = s.Signer
		if who == nil {
			return fault.New(fault.Invalid, "recovery: expected the documents of signer %s, found none", s.Signer)
		}
		signer, err := who(s.Signer, s.Document)
		if err != nil {
			return fault.New(fault.Invalid, "recovery: signer %s: %w", s.Signer, err)
		}
		if signer == nil || signer.Name != s.Signer || signer.Document != s.Document {
			return fault.New(fault.Invalid, "recovery: expected document %s of signer %s, found another", s.Document, s.Signer)
		}
		if err := signer.SigningKey().Verify(sign.Document, msg, s.Signature); err != nil {
			return fault.New(fault.Invalid, "recovery: signer %s: %w", s.Signer, err)
		}
	}
	return nil
}
