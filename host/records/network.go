package records

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Chapter is the chain in which a request with its grants, or a revocation, is kept.
// Each has its own, so that a network's does not grow with every enrolment.
func Chapter(o *order.VerifiedOrder, c dag.CID) string {
	return Key(o) + "/" + c.String()
}

// Request verifies a request of a network. It comes with its subjects where those
// are in the bag, or still kept here: see [Records.Roll].
func (r *Records) Request(ctx context.Context, o *order.VerifiedOrder, c dag.CID, bag peer.Bag) (*issue.VerifiedRequest, error) {
	q, err := part(ctx, r, "request", o.CID(), c, bag, func(block []byte, who order.Parties) (*issue.VerifiedRequest, error) {
		return issue.OpenRequest(r.Keys, o, block, who)
	})
	if err != nil {
		return nil, err
	}
	q, err = r.Rolled(ctx, q, bag)
	return q, fault.About("request "+c.String(), err)
}

// Grant verifies a grant that answers a request, against its signer's acceptance.
func (r *Records) Grant(ctx context.Context, q *issue.VerifiedRequest, a *order.VerifiedAcceptance, c dag.CID, bag peer.Bag) (*issue.VerifiedGrant, error) {
	return part(ctx, r, "grant", q.CID(), c, bag, func(block []byte, who order.Parties) (*issue.VerifiedGrant, error) {
		return issue.OpenGrant(r.Keys, q, a, block, who)
	})
}

// Revocation verifies a revocation in a network.
func (r *Records) Revocation(ctx context.Context, o *order.VerifiedOrder, c dag.CID, bag peer.Bag) (*issue.VerifiedRevocation, error) {
	return part(ctx, r, "revocation", o.CID(), c, bag, func(block []byte, who order.Parties) (*issue.VerifiedRevocation, error) {
		return issue.OpenRevocation(r.Keys, o, block, who)
	})
}

// Asking lists the parties of a request: who signed it, who can read it, and those
// whose approvals and delegations it carries, at the documents it records.
func Asking(q *issue.VerifiedRequest) []identity.Party {
	parties := []identity.Party{q.Signer().Party()}
	add := func(p identity.Party) {
		if !slices.Contains(parties, p) {
			parties = append(parties, p)
		}
	}
	for _, p := range q.Recipients() {
		add(p)
	}
	for _, a := range q.Approvals() {
		add(a.Signer)
		for _, d := range a.Delegation {
			add(d.From)
		}
	}
	return parties
}

// NewestOf finds the identities of parties as they stand now: each name once, at the
// newest document known here or in the bag.
func (r *Records) NewestOf(ctx context.Context, bag peer.Bag, parties ...identity.Party) ([]*identity.Identity, error) {
	return newestOf(r.Directory.Parties(ctx, bag), parties)
}

func newestOf(who order.Parties, parties []identity.Party) ([]*identity.Identity, error) {
	var names []dag.CID
	var missing []string
	for _, p := range parties {
		// A name that is met for the first time is known from its document.
		_, err := who.Identity(p.Name, p.Document)
		if m := fault.Missing(err); len(m) > 0 {
			missing = append(missing, m...)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	if len(missing) > 0 {
		return nil, fault.Lacking(missing, "documents of %d parties are not known here; expected their chains to be shown before", len(missing))
	}
	ids := make([]*identity.Identity, 0, len(names))
	for _, name := range names {
		id, err := who.Identity(name, dag.CID{})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
