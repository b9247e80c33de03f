package identity

import (
	"errors"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// ErrFork says that two chains of one name part at documents of one rank.
var ErrFork = errors.New("two chains of documents contradict each other")

// Settle finds the chain that counts among verified chains of one name, of which
// there is at least one. It goes from document to document: where the chains
// differ, a recovery outranks a rotation by the announced key, and chains of the
// lower rank are out. Two successors of the same rank are a fork: Settle then
// returns the chain up to the document before them, and ErrFork (fault.Denied).
func Settle(chains ...*Identity) (*Identity, error) {
	for _, c := range chains[1:] {
		if c.Name != chains[0].Name {
			return nil, fault.New(fault.Internal, "settle: expected chains of %s, found one of %s", chains[0].Name, c.Name)
		}
	}
	left := chains
	for n := 1; ; n++ {
		successors := make(map[dag.CID]bool) // whether it is a recovery
		recovered := false
		for _, c := range left {
			if n < len(c.links) {
				r := recovers(c.links[n-1].doc, c.links[n].doc)
				successors[c.links[n].cid], recovered = r, recovered || r
			}
		}
		var next dag.CID
		for cid, r := range successors {
			if r != recovered {
				continue // outranked
			}
			if next.Defined() {
				common := left[0].cut(n)
				return common, fault.New(fault.Denied, "identity %s: after document %s: %w", common.Name, common.Document, ErrFork)
			}
			next = cid
		}
		if !next.Defined() {
			return left[0], nil // all end here
		}
		var on []*Identity
		for _, c := range left {
			if n < len(c.links) && c.links[n].cid == next {
				on = append(on, c)
			}
		}
		left = on
	}
}
