package order

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// floors gives for each name the oldest document that may still stand for it.
type floors map[dag.CID]dag.CID

func (f floors) of(parties []identity.Party) floors {
	for _, p := range parties {
		f[p.Name] = p.Document
	}
	return f
}

// checkRecipients wants exactly the names, in their order, each a node at a
// document that was shown and does not go back behind its floor.
func checkRecipients(found []identity.Party, names []dag.CID, floor floors, who Parties) ([]*identity.Identity, error) {
	if len(found) != len(names) {
		return nil, fault.New(fault.Invalid, "expected %d recipients, found %d", len(names), len(found))
	}
	ids := make([]*identity.Identity, len(names))
	for i, name := range names {
		if found[i].Name != name {
			return nil, fault.New(fault.Invalid, "expected %s as recipient %d, found %s", name, i, found[i].Name)
		}
	}
	for i, p := range found {
		id, err := Resolve(who, p.Name, p.Document)
		if err != nil {
			return nil, err
		}
		if err := checkParty(id, floor); err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// newestRecipients finds the identities of names, each at its newest document
// shown, for a part that is about to be sealed.
func newestRecipients(names []dag.CID, floor floors, who Parties) ([]*identity.Identity, error) {
	ids := make([]*identity.Identity, len(names))
	for i, name := range names {
		id, err := newest(who, name, floor[name])
		if err != nil {
			return nil, err
		}
		if err := checkParty(id, floor); err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

func checkParty(id *identity.Identity, floor floors) error {
	if err := ofKind(id, identity.Node); err != nil {
		return err
	}
	if document, ok := floor[id.Name]; ok {
		return descends(id, document)
	}
	return nil
}

// termsFloor is what the terms themselves record: the fiduciaries' nodes. Two
// fiduciaries may share a node; their documents must then be one.
func termsFloor(t *Terms) (floors, error) {
	floor := make(floors, len(t.Fiduciaries))
	for i, f := range t.Fiduciaries {
		if was, ok := floor[f.Node.Name]; ok && was != f.Node.Document {
			return nil, fault.New(fault.Invalid, "terms: fiduciary %d names its node at another document than one before", i)
		}
		floor[f.Node.Name] = f.Node.Document
	}
	return floor, nil
}
