package fiduciary

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// strangersAtWork is how many requests are verified at once whose signers this
// node has never met: delegates that ask for the first time, or anybody at all.
const strangersAtWork = 2

// beside finds the network that an envelope stands beside, before anything of the
// envelope is verified: what is not for this node, or no longer in time, costs no
// verification.
func (s *Service) beside(ctx context.Context, bag peer.Bag, c dag.CID, kind envelope.Kind) (*envelope.Envelope, *order.VerifiedOrder, error) {
	block, ok := bag.Get(c)
	if !ok {
		return nil, nil, fault.New(fault.Invalid, "expected the %s's block in the call", kind)
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return nil, nil, err
	}
	if e.Header.Kind != kind || len(e.Header.Previous) != 1 {
		return nil, nil, fault.New(fault.Invalid, "expected a %s that links its network's order; found %q with %d links", kind, e.Header.Kind, len(e.Header.Previous))
	}
	if self := s.records.Self().Name; !slices.ContainsFunc(e.Header.Recipients, func(p identity.Party) bool { return p.Name == self }) {
		return nil, nil, fault.New(fault.Denied, "it is not for this node")
	}
	row, err := s.orderOf(ctx, e.Header.Previous[0])
	if err != nil {
		return nil, nil, err
	}
	if row.What != string(order.Network) {
		return nil, nil, fault.New(fault.NotFound, "order %s is of no network", row.CID)
	}
	if err := s.fresh(e); err != nil {
		return nil, nil, err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	return e, o, err
}

// admit lets the registrar, the network's authority and whoever has been granted
// something before have a request verified; of others, who may be delegates or
// anybody, only a few at a time.
func (s *Service) admit(ctx context.Context, o *order.VerifiedOrder, signer dag.CID) (leave func(), err error) {
	if slices.Contains(o.Terms().Redeemers, signer) {
		return func() {}, nil
	}
	_, err = s.records.Newest(ctx, signer)
	if fault.Of(err) != fault.NotFound {
		return func() {}, err
	}
	select {
	case s.strangers <- struct{}{}:
		return func() { <-s.strangers }, nil
	default:
		return nil, fault.New(fault.Busy, "%s was not met before, and others like it are being looked at; try again", signer)
	}
}

// refuseRevoked is fault.Denied where a request is for a subject that was revoked.
// In an additive network one D-TA that remembers is enough.
func refuseRevoked(tx *store.Tx, q *issue.VerifiedRequest) error {
	return records.RefuseRevoked(tx, Role, q.Order(), q.Request())
}

// tellRegistrar queues the news of what another did in the registrar's network.
func (s *Service) tellRegistrar(w *records.Writer, o *order.VerifiedOrder, kind envelope.Kind, by dag.CID, envelopes ...dag.CID) error {
	if !s.tellsRegistrar(o, by) {
		return nil
	}
	return s.notify(w, o, kind, by, append([]dag.CID{o.CID()}, envelopes...)...)
}

// tellsRegistrar tells whether the registrar hears from this node of what another
// did: not where it did so itself, has these very records, or cannot be reached.
func (s *Service) tellsRegistrar(o *order.VerifiedOrder, by dag.CID) bool {
	registrar := o.Principal().Name
	_, ok := s.records.Directory.PeerOf(registrar)
	return ok && registrar != by && registrar != s.records.Self().Name
}
