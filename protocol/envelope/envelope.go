package envelope

import (
	"crypto/sha256"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Version is that of the envelope format.
const Version = 1

// Bounds, checked before any cryptography.
const (
	MaxRecipients = 40
	MaxPrevious   = 64
	// SaltSize is the size in bytes of the salt a plaintext begins with.
	SaltSize = 32
)

// Header is the part of an envelope that everyone can read.
type Header struct {
	Version    uint64           `cbor:"version"`
	Suite      string           `cbor:"suite"`
	Kind       Kind             `cbor:"kind"`
	Signer     identity.Party   `cbor:"signer"`
	Recipients []identity.Party `cbor:"recipients"` // no name twice, at most 40
	Time       int64            `cbor:"time"`       // unix milliseconds, the signer's clock
	Expires    int64            `cbor:"expires"`    // after time, at most 31 days
	Previous   []dag.CID        `cbor:"previous"`   // at most 64
	Plain      []byte           `cbor:"plain"`      // CID of the plaintext, 36 bytes; no link, for nothing should fetch it
	Critical   dag.Values       `cbor:"critical"`
	Extra      dag.Values       `cbor:"extra"`
}

// Key is the content key sealed to one recipient, 1168 bytes.
type Key struct {
	Sealed []byte `cbor:"sealed"`
}

// Signature covers the envelope with an empty list of signatures.
type Signature struct {
	Algorithm string `cbor:"algorithm"`
	Signature []byte `cbor:"signature"`
}

// Envelope is one that was parsed or sealed. Its exported fields are there to
// be read. It may be shared once it is verified.
type Envelope struct {
	Header     Header      `cbor:"header"`
	Keys       []Key       `cbor:"keys"` // one for each recipient, in the header's order
	Body       []byte      `cbor:"body"`
	Signatures []Signature `cbor:"signatures"` // those the suite requires: one

	suite    seal.Suite
	block    []byte
	cid      dag.CID
	hash     [sha256.Size]byte // of the header
	verified bool
}

// Parse reads an envelope strictly and checks all that needs no cryptography.
// The block is kept: the caller does not change it afterwards.
func Parse(block []byte) (*Envelope, error) {
	e := new(Envelope)
	if err := dag.Decode(block, e); err != nil {
		return nil, err
	}
	start, end, err := dag.Field(block, "header")
	if err != nil {
		return nil, err
	}
	e.block, e.cid, e.hash = block, dag.Sum(block), sha256.Sum256(block[start:end])
	if err := e.check(); err != nil {
		return nil, fault.New(fault.Of(err), "envelope %s: %w", e.cid, err)
	}
	return e, nil
}

// CID returns the CID of the block.
func (e *Envelope) CID() dag.CID { return e.cid }

// HeaderCID names what the signer signed, whatever the signature: the CID of the
// header, which holds the signer, the times and the CID of the plaintext. Several
// signatures may stand under the same bytes, each of which makes another block
// with another CID. So an envelope has been seen when its HeaderCID has.
func (e *Envelope) HeaderCID() dag.CID { return dag.FromSum(e.hash) }

// HeaderCID is [Envelope.HeaderCID] of a block that was checked before.
func HeaderCID(block []byte) (dag.CID, error) {
	start, end, err := dag.Field(block, "header")
	if err != nil {
		return dag.CID{}, err
	}
	return dag.Sum(block[start:end]), nil
}

// Block returns the block, which is not to be changed.
func (e *Envelope) Block() []byte { return e.block }

func (e *Envelope) check() error {
	suite, err := e.Header.check()
	if err != nil {
		return err
	}
	e.suite = suite
	if len(e.Keys) != len(e.Header.Recipients) {
		return fault.New(fault.Invalid, "expected %d keys, one for each recipient, found %d", len(e.Header.Recipients), len(e.Keys))
	}
	for i, k := range e.Keys {
		if want := seal.KeySize + seal.SealOverhead; len(k.Sealed) != want {
			return fault.New(fault.Invalid, "key %d: expected %d bytes, found %d", i, want, len(k.Sealed))
		}
	}
	least := len(plainHead) + SaltSize + 1
	if !e.Header.Kind.clear() {
		least += seal.EncryptOverhead
	}
	if len(e.Body) < least {
		return fault.New(fault.Invalid, "body: expected at least %d bytes, found %d", least, len(e.Body))
	}
	if n := len(e.Signatures); n != 1 {
		return fault.New(fault.Invalid, "expected 1 signature, found %d", n)
	}
	s := e.Signatures[0]
	if want := suite.Signing.Algorithm; s.Algorithm != want {
		return fault.New(fault.Invalid, "signature: expected algorithm %q, found %.40q", want, s.Algorithm)
	}
	if n := len(s.Signature); n != sign.SignatureSize {
		return fault.New(fault.Invalid, "signature: expected %d bytes, found %d", sign.SignatureSize, n)
	}
	return nil
}

func (h *Header) check() (seal.Suite, error) {
	if h.Version != Version {
		return seal.Suite{}, fault.New(fault.Invalid, "expected version %d, found %d", Version, h.Version)
	}
	suite, err := seal.ByName(h.Suite)
	if err != nil {
		return seal.Suite{}, fault.New(fault.Invalid, "suite: %w", err)
	}
	if err := h.Kind.check(); err != nil {
		return seal.Suite{}, err
	}
	if err := h.checkParties(); err != nil {
		return seal.Suite{}, err
	}
	if err := h.checkTimes(); err != nil {
		return seal.Suite{}, err
	}
	if n := len(h.Previous); n > MaxPrevious {
		return seal.Suite{}, fault.New(fault.Invalid, "expected at most %d previous links, found %d", MaxPrevious, n)
	}
	seen := make(map[dag.CID]bool, len(h.Previous))
	for i, c := range h.Previous {
		if !c.Defined() || c.Raw() || seen[c] {
			return seal.Suite{}, fault.New(fault.Invalid, "previous %d: expected a link to another DAG-CBOR block, found %q", i, c)
		}
		seen[c] = true
	}
	plain, err := dag.FromBytes(h.Plain)
	if err != nil {
		return seal.Suite{}, fault.New(fault.Invalid, "plain: %w", err)
	}
	if plain.Raw() {
		return seal.Suite{}, fault.New(fault.Invalid, "plain: expected the CID of DAG-CBOR, found %s", plain)
	}
	return suite, h.Critical.RefuseUnknown()
}

func (h *Header) checkParties() error {
	if err := checkParty(h.Signer); err != nil {
		return fault.New(fault.Invalid, "signer: %w", err)
	}
	n := len(h.Recipients)
	if n > MaxRecipients {
		return fault.New(fault.Invalid, "expected at most %d recipients, found %d", MaxRecipients, n)
	}
	// Without recipients a body would travel in the clear: that is a choice of
	// the kind, never of a list that happens to be empty.
	if (n == 0) != h.Kind.clear() {
		return fault.New(fault.Invalid, "expected recipients in every kind but %q, found %d in %q", Offer, n, h.Kind)
	}
	seen := make(map[dag.CID]bool, n)
	for i, p := range h.Recipients {
		if err := checkParty(p); err != nil {
			return fault.New(fault.Invalid, "recipient %d: %w", i, err)
		}
		if seen[p.Name] {
			return fault.New(fault.Invalid, "recipient %d: expected every name once, found %s again", i, p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

func checkParty(p identity.Party) error {
	if !p.Name.Defined() || !p.Document.Defined() || p.Name.Raw() || p.Document.Raw() {
		return fault.New(fault.Invalid, "expected a name and a document, found %q and %q", p.Name, p.Document)
	}
	return nil
}
