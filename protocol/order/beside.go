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

// Reading is how an envelope that stands beside an order is read.
type Reading struct {
	Kind  envelope.Kind
	After *Part // the part that it follows: no party may go back behind the documents recorded there
	Block []byte
	From  Source
	Head  func(*envelope.Header) error // what it demands of the header, before the signature is verified
	Body  any                          // what is decoded into
	// Judge holds the body, decoded, to its rules, and says for whom the envelope
	// must be encrypted, in order; repeats are ignored.
	Judge func(*Part) ([]dag.CID, error)
}

// Beside reads an envelope that stands beside o: structure, kind, header, the
// signature; only then is it opened, decoded and judged.
func (o *VerifiedOrder) Beside(r Reading, who Parties) (Part, error) {
	if err := checkFollows(o, r.After); err != nil {
		return Part{}, err
	}
	p, err := readPart(r.Block, r.Kind, who, r.Head, r.From, r.Body)
	if err != nil {
		return Part{}, err
	}
	if err := r.After.recorded.hold(p.signer); err != nil {
		return Part{}, err
	}
	names, err := r.Judge(p)
	if err != nil {
		return Part{}, err
	}
	if err := p.admit(uniqueInOrder(names), r.After.recorded); err != nil {
		return Part{}, err
	}
	return *p, nil
}

// Writing is what is sealed beside an order.
type Writing struct {
	Kind     envelope.Kind
	After    *Part     // the part that it follows
	For      []dag.CID // the readers, in order; repeats are ignored
	Previous []dag.CID
	Body     any
	Expires  time.Time
}

// SealBeside makes an envelope that Beside will take: encrypted to the newest
// documents that who knows of its readers.
func (o *VerifiedOrder) SealBeside(k *identity.Keyring, w Writing, who Parties, now time.Time) (*envelope.Sealed, error) {
	if err := checkFollows(o, w.After); err != nil {
		return nil, err
	}
	recipients, err := newestRecipients(uniqueInOrder(w.For), w.After.recorded, who)
	if err != nil {
		return nil, err
	}
	return envelope.Seal(k, envelope.Draft{
		Kind: w.Kind, Recipients: recipients, Time: now, Expires: w.Expires, Previous: w.Previous, Body: w.Body,
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

// CheckSigned wants a party that signed something beside the order at a document
// which does not go back behind the one that the order records of it, if any, and
// which no document that who knows had replaced by the time at (unix
// milliseconds).
func (o *VerifiedOrder) CheckSigned(by identity.Party, at int64, who Parties) (*identity.Identity, error) {
	if err := checkVerifiedOrder(o); err != nil {
		return nil, err
	}
	id, err := Resolve(who, by.Name, by.Document)
	if err != nil {
		return nil, err
	}
	if err := o.recorded.checkParty(id); err != nil {
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
