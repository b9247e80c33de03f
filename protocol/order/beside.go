package order

import (
	"slices"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
)

// Beside the four parts of an order stand further envelopes about it: the
// requests, grants and revocations of a network (package issue). They are read
// and written by the same rules.

// Source is where the plaintext of an envelope comes from.
type Source struct{ from source }

// FromPlain is a plaintext that is shown to one who is no recipient.
func FromPlain(plain []byte) Source { return Source{shown(plain)} }

// FromKeyring decrypts with a recipient's keys.
func FromKeyring(k *identity.Keyring) Source { return Source{opened(k)} }

// FromSealed is an envelope that this process has just sealed: everything is
// checked again but its own signature.
func FromSealed(s *envelope.Sealed) Source { return Source{made(s)} }

// Beside reads an envelope of a kind that stands beside o: structure, kind, the
// links previous, whatever head demands of the header, the signature; only then
// is it opened and decoded into body. The signer and the recipients are at
// documents that o does not know to be replaced. Which recipients it must have
// Admit checks, once the body has said so.
func (o *VerifiedOrder) Beside(kind envelope.Kind, block []byte, from Source, who Parties, head func(*envelope.Header) error, body any) (Part, error) {
	if err := checkVerifiedOrder(o); err != nil {
		return Part{}, err
	}
	p, err := readPart(block, kind, who, head, from.from, body)
	if err != nil {
		return Part{}, err
	}
	if floor, ok := o.floor[p.signer.Name]; ok {
		if err := descends(p.signer, floor); err != nil {
			return Part{}, err
		}
	}
	return *p, nil
}

// Admit wants exactly names as the recipients, in their order, each a node.
func (p *Part) Admit(o *VerifiedOrder, who Parties, names ...dag.CID) error {
	return p.admit(uniqueInOrder(names), o.floor, who)
}

// SealBeside makes an envelope that Beside and Admit will take: encrypted to the
// newest documents that who knows of names, for life.
func (o *VerifiedOrder) SealBeside(k *identity.Keyring, kind envelope.Kind, names, previous []dag.CID, body any, life time.Duration, who Parties, now time.Time) (*envelope.Sealed, error) {
	recipients, err := newestRecipients(uniqueInOrder(names), o.floor, who)
	if err != nil {
		return nil, err
	}
	return envelope.Seal(k, envelope.Draft{
		Kind: kind, Recipients: recipients, Time: now, Expires: now.Add(life), Previous: previous, Body: body,
	})
}

// CheckLink holds what a body repeats of its order: its CID, and CID(terms).
func (o *VerifiedOrder) CheckLink(order dag.CID, terms []byte) error {
	return o.checkLink(order, terms)
}

// CheckPrevious wants exactly these links in a header.
func CheckPrevious(h *envelope.Header, want ...dag.CID) error { return checkPrevious(h, want...) }

// CheckCustodian wants the custody identity that the terms name at index, at the
// document they record or a later one.
func (o *VerifiedOrder) CheckCustodian(id *identity.Identity, index int) error {
	return o.checkCustodian(id, index)
}

// Resolve asks who for a name at a document, or at the newest one shown, and
// believes only an answer to the question asked.
func Resolve(who Parties, name, document dag.CID) (*identity.Identity, error) {
	return resolve(who, name, document)
}

// uniqueInOrder drops repeats and keeps the order.
func uniqueInOrder(names []dag.CID) []dag.CID {
	out := make([]dag.CID, 0, len(names))
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}
