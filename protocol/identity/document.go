package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Version is that of the document format.
const Version = 1

// Bounds, checked before any cryptography.
const (
	MaxDocuments = 64       // in a chain
	MaxDocument  = 72 << 10 // bytes in one document: with a full recovery set and its 16 signatures 64 KiB
	MaxReference = 128      // bytes
	MaxRecovery  = 16       // names in a recovery set
)

// MaxTime is the last millisecond of the year 9999, of documents and of envelopes:
// later times are mistakes, and sums with them could overflow.
const MaxTime = 253402300799999

// Kind says what a party is. It is the same in all documents of a chain.
type Kind string

const (
	// Node is a D-TA: it orders, serves and redeems.
	Node Kind = "node"
	// Custody is a plugin instance: it accepts and releases.
	Custody Kind = "custody"
)

// Party refers to a party by its name and the document whose keys are meant.
type Party struct {
	Name     dag.CID `cbor:"name" json:"name"`
	Document dag.CID `cbor:"document" json:"document"`
}

// Recovery is the set of names of which Threshold together may rotate without
// the announced key. Names are ascending, 1 to MaxRecovery of them, none the
// party's own.
type Recovery struct {
	Names     []dag.CID `cbor:"names"`
	Threshold uint64    `cbor:"threshold"`
}

// Document is one link of a chain. All byte strings have the sizes given.
type Document struct {
	Version   uint64    `cbor:"version"`
	Suite     string    `cbor:"suite"`
	Kind      Kind      `cbor:"kind"`
	Reference string    `cbor:"reference"`     // authentication reference, ≤ 128 bytes, for people and directories
	Time      int64     `cbor:"time"`          // unix milliseconds, never before the predecessor's
	Sequence  uint64    `cbor:"sequence"`      // 0, 1, 2 …
	Previous  dag.CID   `cbor:"previous"`      // undefined in the first document
	Signing   []byte    `cbor:"signing"`       // the suite's public signing key, 1984
	Sealing   []byte    `cbor:"sealing"`       // X-Wing public key, 1216
	Log       []byte    `cbor:"log,omitempty"` // Ed25519 public key of the node's audit log, 32; absent in a custody identity
	Next      []byte    `cbor:"next"`          // SHA-256 of the public key that will sign the successor, 32
	Recovery  *Recovery `cbor:"recovery"`

	Critical dag.Values `cbor:"critical"`
	Extra    dag.Values `cbor:"extra"`

	// Signatures holds the document's own signature, then, where the rotation
	// is a recovery, one of each of exactly Threshold names of the
	// predecessor's recovery set, in the set's order.
	Signatures []Signature `cbor:"signatures"`
}

// Signature is made for sign.Document over the document encoded with an empty
// list of signatures.
type Signature struct {
	Signer    dag.CID `cbor:"signer"`   // undefined: the key in the document itself
	Document  dag.CID `cbor:"document"` // the signer's document whose key signed
	Algorithm string  `cbor:"algorithm"`
	Signature []byte  `cbor:"signature"`
}

// ParseDocument reads one document strictly and checks whatever needs neither its
// predecessor nor a signature verified. Verify does the rest.
func ParseDocument(block []byte) (*Document, error) {
	if len(block) > MaxDocument {
		return nil, fault.New(fault.Invalid, "identity document: expected at most %d bytes, found %d", MaxDocument, len(block))
	}
	d := new(Document)
	if err := dag.Decode(block, d); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, fault.New(fault.Invalid, "identity document %s: %w", dag.Sum(block), err)
	}
	return d, nil
}

func (d *Document) check() error {
	if d.Version != Version {
		return fault.New(fault.Invalid, "expected version %d, found %d", Version, d.Version)
	}
	suite, err := seal.ByName(d.Suite)
	if err != nil {
		return fault.New(fault.Invalid, "suite: %w", err)
	}
	if d.Kind != Node && d.Kind != Custody {
		return fault.New(fault.Invalid, "expected kind %q or %q, found %.40q", Node, Custody, d.Kind)
	}
	if err := CheckReference(d.Reference); err != nil {
		return err
	}
	if d.Time <= 0 || d.Time > MaxTime {
		return fault.New(fault.Invalid, "expected a time from 1 to %d ms, found %d", int64(MaxTime), d.Time)
	}
	if d.Sequence >= MaxDocuments {
		return fault.New(fault.Invalid, "expected a sequence number below %d, found %d", MaxDocuments, d.Sequence)
	}
	if first := d.Sequence == 0; first == d.Previous.Defined() {
		return fault.New(fault.Invalid, "expected a previous document exactly when the sequence number is not 0, found %d and %q", d.Sequence, d.Previous)
	}
	if err := d.checkSizes(); err != nil {
		return err
	}
	if err := suite.CheckPublicKey(d.Sealing); err != nil {
		return fault.New(fault.Invalid, "sealing key: %w", err)
	}
	if h := sha256.Sum256(d.Signing); slices.Equal(h[:], d.Next) {
		return fault.New(fault.Invalid, "expected the next signing key to be another one, found the same")
	}
	if err := d.Recovery.check(); err != nil {
		return err
	}
	if err := d.Critical.RefuseUnknown(); err != nil {
		return err
	}
	return d.checkSignatures(suite.Signing)
}

func (d *Document) checkSizes() error {
	for _, f := range []struct {
		name      string
		got, want int
	}{
		{"signing key", len(d.Signing), sign.PublicKeySize},
		{"sealing key", len(d.Sealing), seal.PublicKeySize},
		{"log key", len(d.Log), d.Kind.logSize()},
		{"hash of the next signing key", len(d.Next), sha256.Size},
	} {
		if f.got != f.want {
			return fault.New(fault.Invalid, "%s: expected %d bytes, found %d", f.name, f.want, f.got)
		}
	}
	return nil
}

// logSize is the size of a log key in bytes, 0 for a kind that has none: a
// custody identity keeps no audit log, its node does.
func (k Kind) logSize() int {
	if k == Node {
		return ed25519.PublicKeySize
	}
	return 0
}

// checkSignatures checks the shape of the list: the document's own signature,
// then those of others.
func (d *Document) checkSignatures(suite sign.Suite) error {
	if n := len(d.Signatures); n < 1 || n > 1+MaxRecovery {
		return fault.New(fault.Invalid, "expected 1 to %d signatures, found %d", 1+MaxRecovery, n)
	}
	for i, s := range d.Signatures {
		if s.Signer.Defined() != (i > 0) || s.Document.Defined() != (i > 0) {
			return fault.New(fault.Invalid, "signature %d: expected signer and document exactly where others sign, found %q and %q", i, s.Signer, s.Document)
		}
		if s.Algorithm != suite.Algorithm {
			return fault.New(fault.Invalid, "signature %d: expected algorithm %q, found %.40q", i, suite.Algorithm, s.Algorithm)
		}
		if n := len(s.Signature); n != sign.SignatureSize {
			return fault.New(fault.Invalid, "signature %d: expected %d bytes, found %d", i, sign.SignatureSize, n)
		}
	}
	return nil
}

func (r *Recovery) check() error {
	if r == nil {
		return nil
	}
	n := len(r.Names)
	if n == 0 || n > MaxRecovery {
		return fault.New(fault.Invalid, "recovery: expected 1 to %d names, found %d", MaxRecovery, n)
	}
	if r.Threshold == 0 || r.Threshold > uint64(n) {
		return fault.New(fault.Invalid, "recovery: expected a threshold from 1 to %d, found %d", n, r.Threshold)
	}
	for i, name := range r.Names {
		if !name.Defined() || i > 0 && r.Names[i-1].Compare(name) >= 0 {
			return fault.New(fault.Invalid, "recovery: expected names in ascending order, found %q at %d", name, i)
		}
	}
	return nil
}

// CheckReference checks an authentication reference: at most 128 bytes of
// UTF-8, and nothing in it that would move an operator's cursor.
func CheckReference(s string) error {
	if len(s) > MaxReference || !utf8.ValidString(s) {
		return fault.New(fault.Invalid, "reference: expected at most %d bytes of UTF-8, found %d", MaxReference, len(s))
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fault.New(fault.Invalid, "reference: expected printable characters, found %U", r)
		}
	}
	return nil
}
