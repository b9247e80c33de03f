package order

import (
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// MaxShown bounds the document chains shown at once: every party of an order,
// every custody identity, and whoever signed their recoveries.
const MaxShown = 256

// Parties finds identities whose document chains were shown and verified.
//
// With a document it answers with the chain cut at that document; with an
// undefined one, with the whole chain, up to the newest document shown. A name
// or document that was not shown is fault.NotFound.
type Parties interface {
	Identity(name, document dag.CID) (*identity.Identity, error)
}

// Remembers is what a Parties may also be able to do: remember the envelopes
// whose signatures held, for one who is shown the same parts again and again.
type Remembers interface {
	Memory() *envelope.Memory
}

// Remembering gives parties a memory.
func Remembering(who Parties, m *envelope.Memory) Parties { return remembering{who, m} }

type remembering struct {
	Parties
	memory *envelope.Memory
}

func (r remembering) Memory() *envelope.Memory { return r.memory }

// KnownParties is a set of verified identities, one per name; it never changes.
type KnownParties struct {
	byName map[dag.CID]*identity.Identity
}

var _ Parties = (*KnownParties)(nil)

// NewParties verifies document chains, each first → newest. The cache may be
// nil. Of several chains of one name the one counts that identity.Settle finds; a
// fork is refused, for then one of them is a thief's. The signers of a recovery
// are looked up among the chains shown.
func NewParties(cache *identity.Cache, chains ...[][]byte) (*KnownParties, error) {
	if len(chains) > MaxShown {
		return nil, fault.New(fault.Invalid, "expected at most %d document chains, found %d", MaxShown, len(chains))
	}
	if cache == nil {
		cache = identity.NewCache(MaxShown)
	}
	// Each document with those before it. A chain is verified as a whole, so a
	// false predecessor here makes its own chain fail and no other's name.
	until := make(map[dag.CID][][]byte)
	for _, chain := range chains {
		if len(chain) > identity.MaxDocuments {
			return nil, fault.New(fault.Invalid, "expected a chain of at most %d documents, found %d", identity.MaxDocuments, len(chain))
		}
		for n, block := range chain {
			if c := dag.Sum(block); until[c] == nil {
				until[c] = chain[:n+1]
			}
		}
	}
	// A document names the documents that signed its recovery by their CIDs:
	// the search cannot go round in circles.
	var signer identity.Resolver
	signer = func(_, document dag.CID) (*identity.Identity, error) {
		chain, ok := until[document]
		if !ok {
			return nil, fault.New(fault.NotFound, "identity document %s was not shown", document)
		}
		return cache.VerifyWith(chain, signer)
	}
	ids := make([]*identity.Identity, 0, len(chains))
	for i, chain := range chains {
		id, err := cache.VerifyWith(chain, signer)
		if err != nil {
			return nil, fault.New(fault.Invalid, "document chain %d: %w", i, err)
		}
		ids = append(ids, id)
	}
	return PartiesOf(ids...)
}

// PartiesOf is NewParties for chains that are verified already.
func PartiesOf(ids ...*identity.Identity) (*KnownParties, error) {
	shown := make(map[dag.CID][]*identity.Identity, len(ids))
	for _, id := range ids {
		shown[id.Name] = append(shown[id.Name], id)
	}
	s := &KnownParties{byName: make(map[dag.CID]*identity.Identity, len(shown))}
	for name, chains := range shown {
		id, err := identity.Settle(chains...)
		if err != nil {
			return nil, err
		}
		s.byName[name] = id
	}
	return s, nil
}

// Identity implements Parties.
func (s *KnownParties) Identity(name, document dag.CID) (*identity.Identity, error) {
	id, ok := s.byName[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "no document chain of %s was shown", name)
	}
	if !document.Defined() || document == id.Document {
		return id, nil
	}
	at, err := id.At(document)
	if err != nil {
		return nil, fault.New(fault.NotFound, "the document chain shown of %s lacks %s", name, document)
	}
	return at, nil
}

// Resolve asks who for a name at a document, or at the newest one shown, and
// believes only an answer to the question asked.
func Resolve(who Parties, name, document dag.CID) (*identity.Identity, error) {
	id, err := who.Identity(name, document)
	if err != nil {
		return nil, err
	}
	if id == nil || id.Name != name || (document.Defined() && id.Document != document) {
		return nil, fault.New(fault.Internal, "asked for the documents of %s, found another's", name)
	}
	return id, nil
}

// ResolveAll is Resolve for each of some parties.
func ResolveAll(who Parties, parties []identity.Party) ([]*identity.Identity, error) {
	ids := make([]*identity.Identity, len(parties))
	for i, p := range parties {
		id, err := Resolve(who, p.Name, p.Document)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// newest asks for the whole chain of a name of which a document is known. Where
// who learned of that document only now, the chain up to it counts.
func newest(who Parties, name, known dag.CID) (*identity.Identity, error) {
	id, err := Resolve(who, name, dag.CID{})
	if err != nil || !known.Defined() {
		return id, err
	}
	at, err := Resolve(who, name, known)
	if err != nil {
		return nil, err
	}
	return identity.Settle(id, at)
}

// descends refuses an identity whose document is older than the one recorded, or
// of another chain: a document once recorded is never gone back behind.
func descends(id *identity.Identity, recorded dag.CID) error {
	if id.Document == recorded {
		return nil
	}
	if _, err := id.At(recorded); err != nil {
		return fault.New(fault.Denied, "document %s of %s does not follow the recorded %s", id.Document, id.Name, recorded)
	}
	return nil
}

// ofKind refuses an identity of the other kind.
func ofKind(id *identity.Identity, kind identity.Kind) error {
	if id.Doc.Kind != kind {
		return fault.New(fault.Invalid, "expected %s to be a %s identity, found %s", id.Name, kind, id.Doc.Kind)
	}
	return nil
}
