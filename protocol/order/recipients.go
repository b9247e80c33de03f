package order

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// recorded are the documents that the parts of a chain record of the names they
// are for, one map for each part, the oldest first. No document that stands
// before a recorded one is sealed to, or signs, from then on.
type recorded []map[dag.CID]dag.CID

// with adds what a further part records.
func (r recorded) with(parties []identity.Party) recorded {
	documents := make(map[dag.CID]dag.CID, len(parties))
	for _, p := range parties {
		documents[p.Name] = p.Document
	}
	return append(r[:len(r):len(r)], documents)
}

// last is the document that the newest part records of a name.
func (r recorded) last(name dag.CID) dag.CID { return r[len(r)-1][name] }

// hold refuses an identity whose document does not follow all those recorded.
func (r recorded) hold(id *identity.Identity) error {
	for _, documents := range r {
		if document, ok := documents[id.Name]; ok {
			if err := descends(id, document); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRecipients wants exactly the names, in their order. Their documents are
// the signer's word: nothing is asked of them here, but all that is later sealed
// to a name, or signed by it, must follow them.
func checkRecipients(found []identity.Party, names []dag.CID) error {
	if len(found) != len(names) {
		return fault.New(fault.Invalid, "expected %d recipients, found %d", len(names), len(found))
	}
	for i, name := range names {
		if found[i].Name != name {
			return fault.New(fault.Invalid, "expected %s as recipient %d, found %s", name, i, found[i].Name)
		}
	}
	return nil
}

// newestRecipients finds the identities of names, each at its newest document
// shown, for a part that is about to be sealed: nodes, of which no document goes
// back behind those recorded.
func newestRecipients(names []dag.CID, r recorded, who Parties) ([]*identity.Identity, error) {
	ids := make([]*identity.Identity, len(names))
	for i, name := range names {
		id, err := r.newest(who, name)
		if err != nil {
			return nil, err
		}
		if err := r.checkParty(id); err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// newest asks for the whole chain of a name, and for its documents on record
// where who learned of one only now.
func (r recorded) newest(who Parties, name dag.CID) (*identity.Identity, error) {
	id, err := Resolve(who, name, dag.CID{})
	for i := 0; err == nil && i < len(r); i++ {
		document, ok := r[i][name]
		if !ok || id.Document == document {
			continue
		}
		if _, behind := id.At(document); behind != nil {
			id, err = newest(who, name, document)
		}
	}
	return id, err
}

func (r recorded) checkParty(id *identity.Identity) error {
	if err := ofKind(id, identity.Node); err != nil {
		return err
	}
	return r.hold(id)
}

// termsRecord is what the terms themselves record: the fiduciaries' nodes. Two
// fiduciaries may share a node; their documents must then be one.
func termsRecord(t *Terms) (recorded, error) {
	nodes := make(map[dag.CID]dag.CID, len(t.Fiduciaries))
	for i, f := range t.Fiduciaries {
		if was, ok := nodes[f.Node.Name]; ok && was != f.Node.Document {
			return nil, fault.New(fault.Invalid, "terms: fiduciary %d names its node at another document than one before", i)
		}
		nodes[f.Node.Name] = f.Node.Document
	}
	return recorded{nodes}, nil
}
