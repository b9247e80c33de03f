package identity

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Identity is a verified chain, pointing at its newest document. It does not
// change, may be shared, and what it returns by reference is not to be changed.
type Identity struct {
	Name     dag.CID   // CID of the first document
	Document dag.CID   // CID of the newest
	Doc      *Document // the newest

	links []link // first to newest
}

type link struct {
	cid   dag.CID
	doc   *Document
	block []byte
	key   *sign.PublicKey
}

func (i *Identity) newest() link { return i.links[len(i.links)-1] }

// String is the name, with the authentication reference where there is one.
func (i *Identity) String() string {
	if i.Doc.Reference == "" {
		return i.Name.String()
	}
	return fmt.Sprintf("%s (%s)", i.Name, i.Doc.Reference)
}

// Blocks returns the chain, first document to newest.
func (i *Identity) Blocks() [][]byte {
	blocks := make([][]byte, len(i.links))
	for n, l := range i.links {
		blocks[n] = l.block
	}
	return blocks
}

// Documents returns the CIDs of the chain, first to newest.
func (i *Identity) Documents() []dag.CID {
	cids := make([]dag.CID, len(i.links))
	for n, l := range i.links {
		cids[n] = l.cid
	}
	return cids
}

// Party refers to the newest document.
func (i *Identity) Party() Party { return Party{Name: i.Name, Document: i.Document} }

// SigningKey returns the newest signing key.
func (i *Identity) SigningKey() *sign.PublicKey { return i.newest().key }

// LogKeys returns the Ed25519 public keys of the node's audit log, newest first,
// each once; none for a custody identity.
func (i *Identity) LogKeys() (keys []ed25519.PublicKey) {
	for n := len(i.links) - 1; n >= 0; n-- {
		key := ed25519.PublicKey(i.links[n].doc.Log)
		if len(key) > 0 && !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(key) }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// SealingKey returns the newest public sealing key, 1216 bytes.
func (i *Identity) SealingKey() []byte { return bytes.Clone(i.Doc.Sealing) }

// At returns the same chain cut at an earlier document (or itself, at the
// newest). The error is fault.NotFound.
func (i *Identity) At(document dag.CID) (*Identity, error) {
	n := i.index(document)
	switch {
	case n < 0:
		return nil, fault.New(fault.NotFound, "identity %s: expected a chain with document %s, found %d documents without", i.Name, document, len(i.links))
	case n == len(i.links)-1:
		return i, nil
	}
	return i.cut(n + 1), nil
}

// Successor returns the document that follows the one named; nil where that is
// the newest or not in the chain.
func (i *Identity) Successor(document dag.CID) *Document {
	if n := i.index(document); n >= 0 && n+1 < len(i.links) {
		return i.links[n+1].doc
	}
	return nil
}

// Extends reports whether i is other or a later state of it: the same name, and
// other's newest document in its chain. Two chains of one name of which neither
// extends the other are evidence of a fork.
func (i *Identity) Extends(other *Identity) bool {
	return i.Name == other.Name && i.index(other.Document) >= 0
}

func (i *Identity) index(document dag.CID) int {
	for n := len(i.links) - 1; n >= 0; n-- {
		if i.links[n].cid == document {
			return n
		}
	}
	return -1
}

// cut keeps the first n links. The capacity is cut too, so that extending the
// shorter chain never writes into the longer one's.
func (i *Identity) cut(n int) *Identity {
	links := i.links[:n:n]
	return &Identity{Name: i.Name, Document: links[n-1].cid, Doc: links[n-1].doc, links: links}
}
