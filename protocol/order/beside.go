package order

import (
	"slices"
	"time"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
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

// Beside reads an envelope of a kind that stands beside o: structure, kind,
// whatever head demands of the header, the signature; only then is it opened and
// decoded into body. judge then holds the body to its rules and says for whom it
// must be encrypted, in order; repeats are ignored. after is the part that the
// envelope follows: no party may go back behind the documents recorded there.
func (o *VerifiedOrder) Beside(kind envelope.Kind, after *Part, block []byte, from Source, who Parties, head func(*envelope.Header) error, body any, judge func(*Part) ([]dag.CID, error)) (Part, error) {
	if err := checkFollows(o, after); err != nil {
		return Part{}, err
	}
	p, err := readPart(block, kind, who, head, from.from, body)
	if err != nil {
		return Part{}, err
	}
	if floor, ok := after.floor[p.signer.Name]; ok {
		if err := descends(p.signer, floor); err != nil {
			return Part{}, err
		}
	}
	names, err := judge(p)
	if err != nil {
		return Part{}, err
	}
	if err := p.admit(uniqueInOrder(names), after.floor, who); err != nil {
		return Part{}, err
	}
	return *p, nil
}

// SealBeside makes an envelope that Beside will take: encrypted to the newest
// documents that who knows of names, until expires.
func (o *VerifiedOrder) SealBeside(k *identity.Keyring, kind envelope.Kind, after *Part, names, previous []dag.CID, body any, who Parties, now, expires time.Time) (*envelope.Sealed, error) {
	if err := checkFollows(o, after); err != nil {
		return nil, err
	}
	recipients, err := newestRecipients(uniqueInOrder(names), after.floor, who)
	if err != nil {
		return nil, err
	}
	return envelope.Seal(k, envelope.Draft{
		Kind: kind, Recipients: recipients, Time: now, Expires: expires, Previous: previous, Body: body,
	})
}

func checkFollows(o *VerifiedOrder, after *Part) error {
	if err := checkVerifiedOrder(o); err != nil {
		return err
	}
	if !after.verified() {
		return fault.New(fault.Internal, "the part before was not verified")
	}
	return nil
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
	if err := checkVerifiedOrder(o); err != nil {
		return err
	}
	return o.checkCustodian(id, index)
}

// Resolve asks who for a name at a document, or at the newest one shown, and
// believes only an answer to the question asked.
func Resolve(who Parties, name, document dag.CID) (*identity.Identity, error) {
	return resolve(who, name, document)
}

// CheckSigned wants a party that signed something beside the order at a document
// which does not go back behind the one that the order records of it, if any, and
// which no document that who knows had replaced by the time at (unix
// milliseconds).
func (o *VerifiedOrder) CheckSigned(by identity.Party, at int64, who Parties) (*identity.Identity, error) {
	if err := checkVerifiedOrder(o); err != nil {
		return nil, err
	}
	id, err := resolve(who, by.Name, by.Document)
	if err != nil {
		return nil, err
	}
	if err := checkParty(id, o.floor); err != nil {
		return nil, err
	}
	whole, err := newest(who, by.Name, by.Document)
	if err != nil {
		return nil, err
	}
	if next := whole.Successor(id.Document); next != nil && at > next.Time+envelope.MaxSkew.Milliseconds() {
		return nil, fault.New(fault.Denied, "%s signed with document %s, which was replaced before", by.Name, by.Document)
	}
	return id, nil
}

// CheckNewest refuses a party that signed with a document which the chain shown
// has replaced since: its key may be a thief's. It is fault.Denied.
func CheckNewest(by identity.Party, who Parties) error {
	whole, err := newest(who, by.Name, by.Document)
	if err != nil {
		return err
	}
	if whole.Document != by.Document {
		return fault.New(fault.Denied, "signed with %s, which %s has replaced", by.Document, whole.Document)
	}
	return nil
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
