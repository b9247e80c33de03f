package gateway

import (
	"encoding/base64"
	"time"

	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// ProofWindow is how far the clocks of both sides may be apart, and how long a
// proof serves.
const ProofWindow = 2 * time.Minute

// maxProof bounds the header, in characters. One of today has about 4,900.
const maxProof = 8 << 10

// proofKind keeps a proof apart from whatever else is signed as a request.
const proofKind = "get-block"

// Proof says who asks which node for which block. As a header it is the
// unpadded base64url of its DAG-CBOR.
type Proof struct {
	Version   uint64  `cbor:"version"` // 1
	Kind      string  `cbor:"kind"`    // "get-block"
	Name      dag.CID `cbor:"name"`
	Document  dag.CID `cbor:"document"` // whose key signs
	Audience  dag.CID `cbor:"audience"` // name of the node that is asked
	CID       dag.CID `cbor:"cid"`
	Time      int64   `cbor:"time"`      // unix milliseconds
	Signature []byte  `cbor:"signature"` // of the suite, for sign.Request, over the same with an empty signature
}

// Signer signs as a party; *identity.Keyring does.
type Signer interface {
	Identity() *identity.Identity
	Sign(p sign.Purpose, msg []byte) []byte
}

// Prove makes the header value with which the signer asks a node for a block.
func Prove(k Signer, audience, c dag.CID, now time.Time) (string, error) {
	party := k.Identity().Party()
	p := Proof{
		Version: 1, Kind: proofKind, Name: party.Name, Document: party.Document,
		Audience: audience, CID: c, Time: now.UnixMilli(),
	}
	msg, err := p.signed()
	if err != nil {
		return "", err
	}
	p.Signature = k.Sign(sign.Request, msg)
	block, err := dag.Encode(p)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(block), nil
}

// ParseProof reads a header value. It checks form only.
func ParseProof(header string) (*Proof, error) {
	if len(header) > maxProof {
		return nil, fault.New(fault.Invalid, "party proof: expected at most %d characters, found %d", maxProof, len(header))
	}
	block, err := base64.RawURLEncoding.Strict().DecodeString(header)
	if err != nil {
		return nil, fault.New(fault.Invalid, "party proof: expected base64url: %w", err)
	}
	p := new(Proof)
	if err := dag.Decode(block, p); err != nil {
		return nil, fault.New(fault.Invalid, "party proof: %w", err)
	}
	switch {
	case p.Version != 1:
		return nil, fault.New(fault.Invalid, "party proof: expected version 1, found %d", p.Version)
	case p.Kind != proofKind:
		return nil, fault.New(fault.Invalid, "party proof: expected kind %q, found %.40q", proofKind, p.Kind)
	case !p.Name.Defined() || !p.Document.Defined() || !p.Audience.Defined() || !p.CID.Defined():
		return nil, fault.New(fault.Invalid, "party proof: expected name, document, audience and cid")
	case len(p.Signature) != sign.SignatureSize:
		return nil, fault.New(fault.Invalid, "party proof: expected a signature of %d bytes, found %d", sign.SignatureSize, len(p.Signature))
	}
	return p, nil
}

// Party is who the proof says it is from.
func (p *Proof) Party() identity.Party { return identity.Party{Name: p.Name, Document: p.Document} }

// About checks what costs nothing: that the proof is for this node, this block
// and this time. Errors are Denied.
func (p *Proof) About(audience, c dag.CID, now time.Time) error {
	at := time.UnixMilli(p.Time)
	switch {
	case p.Audience != audience:
		return fault.New(fault.Denied, "party proof: it is for node %s, not for %s", p.Audience, audience)
	case p.CID != c:
		return fault.New(fault.Denied, "party proof: it is for block %s, not for %s", p.CID, c)
	case at.Before(now.Add(-ProofWindow)) || at.After(now.Add(ProofWindow)):
		return fault.New(fault.Denied, "party proof: expected a time within %s of ours, found one %s away", ProofWindow, at.Sub(now).Round(time.Second))
	}
	return nil
}

// Verify checks that the party signed it: who must be the party's chain up to
// its newest document known, since a key that was rotated away proves nothing.
func (p *Proof) Verify(who *identity.Identity) error {
	if who.Party() != p.Party() {
		return fault.New(fault.Denied, "party proof: expected the newest document of %s, %s; found %s", who.Name, who.Document, p.Document)
	}
	msg, err := p.signed()
	if err != nil {
		return err
	}
	if err := who.SigningKey().Verify(sign.Request, msg, p.Signature); err != nil {
		return fault.New(fault.Denied, "party proof of %s: %w", who.Name, err)
	}
	return nil
}

// signed is what the signature is over.
func (p *Proof) signed() ([]byte, error) {
	unsigned := *p
	unsigned.Signature = nil
	return dag.Encode(unsigned)
}
