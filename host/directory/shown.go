package directory

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/ipfs"
	"github.com/milagro-dta/dta/protocol/peer"
)

const (
	// shownBytes bounds the documents that peers have shown and no change has put
	// into the store yet; at most twice as much is held. What anybody at all may
	// show leaves the memory again, and only a call that needs it brings it to disk.
	shownBytes = 64 << 20
	// peerDocuments bounds the documents of which is remembered that a peer has
	// them.
	peerDocuments = 4096
	// shownRounds is how often a peer may say within one call that it lacks
	// documents: each one that it forgets at once is its own affair.
	shownRounds = 4
	// alongBytes is how large the chains may be that a call brings along to a peer
	// of which it is not known whether it has them. Ordinary parties fit: a
	// document is about 7 KiB.
	alongBytes = 64 << 10
)

func lacking(documents ...dag.CID) error {
	text := make([]string, 0, len(documents))
	for _, c := range documents {
		text = append(text, c.String())
	}
	if len(text) == 1 {
		return fault.Lacking(text, "identity document %s: it is not known here; expected its chain to be shown before", text[0])
	}
	return fault.Lacking(text, "%d identity documents are not known here; expected their chains to be shown before", len(text))
}

// Lacks refuses a call that names documents which are neither in its bag nor known
// here: the error lists them all. Nothing is verified.
func (d *Directory) Lacks(ctx context.Context, bag peer.Bag, documents ...dag.CID) error {
	var missing []dag.CID
	asked := make(map[dag.CID]bool, len(documents))
	for _, c := range documents {
		if asked[c] {
			continue
		}
		asked[c] = true
		switch _, err := d.Chain(ctx, c, bag); {
		case len(fault.Missing(err)) > 0:
			missing = append(missing, c)
		case err != nil:
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return lacking(missing...)
}

// Keep verifies whole chains of documents and keeps them in memory for the calls
// that will name them. No two documents may follow one: a document costs one
// verification.
func (d *Directory) Keep(bag peer.Bag) error {
	type link struct {
		cid      dag.CID
		block    []byte
		previous dag.CID
	}
	var links []link
	follower := make(map[dag.CID]link)
	for _, block := range bag.Blocks() {
		doc, err := identity.ParseDocument(block)
		if err != nil {
			return err
		}
		l := link{dag.Sum(block), block, doc.Previous}
		if l.previous.Defined() {
			if other, ok := follower[l.previous]; ok {
				return fault.New(fault.Invalid, "identity document %s: expected one document that follows it; found %s and %s", l.previous, other.cid, l.cid)
			}
			follower[l.previous] = l
		}
		links = append(links, l)
	}
	kept := 0
	for _, l := range links {
		if l.previous.Defined() {
			continue
		}
		chain := [][]byte{l.block}
		for next, ok := follower[l.cid]; ok; next, ok = follower[next.cid] {
			chain = append(chain, next.block)
		}
		id, err := identity.Verify(chain)
		if err != nil {
			return err
		}
		for i, c := range id.Documents() {
			d.shown.Put(c, chain[i])
		}
		kept += len(chain)
	}
	if kept != len(links) {
		return fault.New(fault.Invalid, "expected whole chains of documents; found %d documents without their first", len(links)-kept)
	}
	return nil
}

// Showing makes a call of a peer that names the documents of parties, and shows it
// those that it says to lack. The call is repeated and must be one that may be; it
// brings along the blocks that it is given. Documents are looked for in the bag,
// too. The peer's list is never the error: a peer that goes on lacking what it was
// shown is Unavailable.
func (d *Directory) Showing(ctx context.Context, p *Peer, bag peer.Bag, parties []identity.Party, call func(documents []string, along [][]byte) error) error {
	documents, names := make(map[string]dag.CID, len(parties)), make([]string, 0, len(parties))
	for _, party := range parties {
		text := party.Document.String()
		if _, ok := documents[text]; !ok {
			documents[text], names = party.Document, append(names, text)
		}
	}
	along, err := d.along(ctx, p, bag, documents, names)
	if err != nil {
		return unshown(err)
	}
	for round := 0; ; round++ {
		err := call(names, along)
		missing := fault.Missing(err)
		if err == nil {
			for _, c := range documents {
				p.has.Put(c, struct{}{})
			}
		}
		if len(missing) == 0 {
			return err
		}
		if round == shownRounds || p.Show == nil {
			return fault.New(fault.Unavailable, "expected it to know the documents that it was shown: %w", err)
		}
		slices.Sort(missing)
		var chains [][][]byte
		for _, text := range slices.Compact(missing) {
			c, ok := documents[text]
			if !ok {
				return fault.New(fault.Unavailable, "expected it to lack documents that the call names; found %s", fault.Foreign(text))
			}
			chain, err := d.Chain(ctx, c, bag)
			if err != nil {
				return unshown(err)
			}
			chains = append(chains, chain)
		}
		if err := p.Show(ctx, chains...); err != nil {
			return unshown(err)
		}
		along = nil
	}
}

// unshown is the error for documents that could not be shown: what went wrong
// beside a call is no answer to it.
func unshown(err error) error {
	kind := fault.Of(err)
	if kind.Final() {
		kind = fault.Unavailable
	}
	return fault.New(kind, "show it documents: %w", err)
}

// along are the documents that a call brings: those of which nobody knows whether
// the peer has them, if they are small all together.
func (d *Directory) along(ctx context.Context, p *Peer, bag peer.Bag, documents map[string]dag.CID, names []string) (blocks [][]byte, err error) {
	if p.Show == nil {
		return nil, nil
	}
	size := 0
	for _, text := range names {
		if _, ok := p.has.Get(documents[text]); ok {
			continue
		}
		chain, err := d.Chain(ctx, documents[text], bag)
		if err != nil {
			return nil, err
		}
		for _, block := range chain {
			size += len(block)
		}
		if size > alongBytes {
			return nil, nil
		}
		blocks = append(blocks, chain...)
	}
	return blocks, nil
}

// Meet learns the documents of a party that an answer of a peer names, from that
// peer, unless they are known here or came in the bag.
func (d *Directory) Meet(ctx context.Context, p *Peer, party identity.Party, bag peer.Bag) error {
	err := d.Lacks(ipfs.Nowhere(ctx), bag, party.Document)
	if len(fault.Missing(err)) == 0 || p.Document == nil {
		return err
	}
	said, err := p.Document(ctx, party.Name)
	if err != nil {
		return fault.New(fault.Unavailable, "documents of %s, who signed its answer: %w", party.Name, err)
	}
	return d.Keep(said.Blocks)
}
