// Package registrar asks in networks: it drafts requests, signs for the authority
// that this node has in them, has every D-TA answer, and revokes.
//
// What is issued goes to a key that the caller made. This node passes the answers
// on and opens none, so that it never holds anybody's secret; the receiver checks
// them (package issue), and this node checks only what it can read: that each
// D-TA signed an answer to this very request.
//
// A network is known from its order, which this node placed or was told of, or
// from a mandate that a delegate's caller brings along.
package registrar

import (
	"context"
	"slices"
	"time"

	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Role is the role under which the records hold what this service did.
const Role = "registrar"

// Service asks in networks. Make it with New and end it with Close.
type Service struct {
	records  *records.Records
	patience time.Duration
	asks     *flight.Group[*Outcome]
}

// New asks with a node's keys and records.
func New(r *records.Records) *Service {
	return &Service{records: r, patience: Patience, asks: flight.New[*Outcome]()}
}

// Close ends the asking under way; whoever asked asks again.
func (s *Service) Close() { s.asks.Close() }

// Found is a network as this node knows it.
type Found struct {
	Reference   string // for people
	Order       *order.VerifiedOrder
	Acceptances []*order.VerifiedAcceptance // by place; nil where one is still missing
	Created     int64                       // unix milliseconds; when it was recorded here
}

// Complete tells whether every D-TA has accepted.
func (f *Found) Complete() bool { return !slices.Contains(f.Acceptances, nil) }

// Find reads a network that this node placed or was told of, by its reference or its
// order's CID.
func (s *Service) Find(ctx context.Context, name string) (*Found, error) {
	row, err := s.records.Find(ctx, name, records.NetworkIndex)
	if fault.Of(err) == fault.NotFound {
		return nil, fault.New(fault.NotFound, "network %s: this node knows none of that reference", name)
	}
	if err != nil {
		return nil, fault.About("network "+name, err)
	}
	return s.read(ctx, row)
}

func (s *Service) read(ctx context.Context, row records.Row) (*Found, error) {
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return nil, err
	}
	links, err := s.records.Envelopes(ctx, row.Key())
	if err != nil {
		return nil, err
	}
	acceptances, err := s.records.Acceptances(ctx, o, links)
	if err != nil {
		return nil, err
	}
	return &Found{Reference: row.Reference, Order: o, Acceptances: acceptances, Created: row.Created}, nil
}

// List reads a page of the networks that this node may ask in, and counts them all.
func (s *Service) List(ctx context.Context, offset, limit int, descending bool) (found []*Found, total int, err error) {
	rows, total, err := s.records.List(ctx, []string{records.NetworkIndex}, offset, limit, descending)
	if err != nil {
		return nil, 0, err
	}
	for _, row := range rows {
		f, err := s.read(ctx, row)
		if err != nil {
			return nil, 0, err
		}
		found = append(found, f)
	}
	return found, total, nil
}

// Network puts a network together that all D-TAs have accepted; fault.Conflict
// while one has not.
func (s *Service) Network(ctx context.Context, f *Found) (*issue.Network, error) {
	if !f.Complete() {
		return nil, fault.New(fault.Conflict, "network %s: not every D-TA has accepted it yet", f.Reference)
	}
	var ids []*identity.Identity
	for _, p := range records.Named(f.Order) {
		newest, err := s.records.Newest(ctx, p.Name)
		if err != nil {
			newest = p.Document
		}
		id, err := s.records.Directory.Identity(ctx, p.Name, newest, peer.Bag{})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	who, err := order.PartiesOf(ids...)
	if err != nil {
		return nil, err
	}
	return issue.NewNetwork(f.Order, f.Acceptances, who)
}

// known finds the network of a call: by its reference or its order's CID, or, for a
// delegate, from the mandate.
func (s *Service) known(ctx context.Context, ref string, mandate []byte) (*issue.Network, *issue.Delegation, error) {
	if len(mandate) > 0 {
		n, d, err := issue.ReadMandate(mandate)
		if err != nil {
			return nil, nil, err
		}
		if ref != n.Order.Terms().ReferenceHex() && ref != records.Key(n.Order) {
			return nil, nil, fault.New(fault.Invalid, "delegation: expected one of network %s; found %s, order %s", ref, n.Order.Terms().ReferenceHex(), n.Order.CID())
		}
		if d.To != s.records.Self().Name {
			return nil, nil, fault.New(fault.Denied, "delegation: it is for %s, not for this node", d.To)
		}
		return n, d, nil
	}
	f, err := s.Find(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	n, err := s.Network(ctx, f)
	return n, nil, err
}

// bag holds the documents of everybody in a network, and this node's own.
func (s *Service) bag(n *issue.Network) (peer.Bag, error) {
	bag := peer.NewBag(s.records.Self().Blocks()...)
	chains, err := n.Chains()
	if err != nil {
		return bag, err
	}
	for _, c := range chains {
		bag.Add(c...)
	}
	return bag, nil
}

// parties resolves identities for one call. Those of the network are known from it,
// also where this node has met none of them before. It belongs to one goroutine.
func (s *Service) parties(ctx context.Context, n *issue.Network, bag peer.Bag) order.Parties {
	who := s.records.Directory.Parties(ctx, bag)
	for _, p := range records.Named(n.Order) {
		if id, err := order.Resolve(n.Who, p.Name, dag.CID{}); err == nil {
			// What contradicts it is refused where it matters.
			_, _ = who.Identity(id.Name, id.Document)
		}
	}
	return who
}

// newest finds of each name the newest enrolment that this node knows of.
func (s *Service) newest(ctx context.Context, n *issue.Network, names ...string) (map[string]store.Enrolment, error) {
	marks := make([]string, 0, len(names))
	for _, name := range names {
		marks = append(marks, issue.Mark(n.Terms, name))
	}
	var found map[string]store.Enrolment
	err := s.records.Store.View(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.NewestEnrolments(Role, records.Key(n.Order), "", marks...)
		return err
	})
	if err != nil {
		return nil, err
	}
	known := make(map[string]store.Enrolment, len(found))
	for i, name := range names {
		if e, ok := found[marks[i]]; ok {
			known[name] = e
		}
	}
	return known, nil
}
