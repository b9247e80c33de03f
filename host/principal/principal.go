// Package principal places orders: it shares a secret among fiduciaries, or has
// them make a key, and sees the order through to its acceptances.
//
// An order is on disk, with everything that the fiduciaries must be sent,
// before the first of them hears of it; from then on it is finished whatever
// happens to the caller or to this process, by re-sending the same bytes.
package principal

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Role is the role under which the records hold this service's orders.
const Role = "principal"

// Patience is how long an order's caller waits for its acceptances before it
// is told that the order goes on without it.
const Patience = 30 * time.Second

// retry is when the courier takes over an order whose own attempt has not
// ended.
const retry = 20 * time.Second

// Request is what a caller wants kept, and by whom.
type Request struct {
	Secret      *secret.Bytes // nil: the fiduciary makes a key
	Beneficiary dag.CID       // undefined: the principal itself
	Fiduciary   string        // peer alias or identity, "self", or "" where there is but one
	Custody     string        // instance; "" where the fiduciary offers but one
	Publish     order.Publish // "" is order.PublishChain
	Once        *records.Once // nil: every request is an order of its own
}

// Placed is what the caller is told.
type Placed struct {
	Reference  string
	OrderCID   dag.CID
	State      order.State
	What       order.What
	Commitment []byte // of the first fiduciary: a point of the sharing, or the public key
	Created    time.Time
}

// Service places orders. Make it with New and end it with Close.
type Service struct {
	records  *records.Records
	fallback string
	steps    *flight.Group[records.Row]
}

// New serves orders from a node's records. Where a request names no fiduciary,
// the one called fallback is meant ("" when there is no such).
func New(r *records.Records, fallback string) *Service {
	return &Service{records: r, fallback: fallback, steps: flight.New[records.Row]()}
}

// Close ends the steps under way; they are taken up again at the next start.
func (s *Service) Close() { s.steps.Close() }

// Place seals the secret to the fiduciary's custody identity, records the
// order, and waits for it to be accepted: until ctx ends or Patience runs out,
// after which the order goes on and State is order.Ordered. An order that a
// fiduciary refuses is failed, and the refusal is the error.
func (s *Service) Place(ctx context.Context, req Request) (Placed, error) {
	if req.Publish == "" {
		req.Publish = order.PublishChain
	}
	if err := s.records.Seen(ctx, req.Once); err != nil {
		return s.repeated(ctx, err)
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return Placed{}, err
	}
	chosen, err := s.choose(ctx, req, now)
	if err != nil {
		return Placed{}, err
	}
	receiver, err := s.receiver(ctx, req.Beneficiary)
	if err != nil {
		return Placed{}, fault.New(fault.Of(err), "beneficiary: %w", err)
	}
	plan := order.Plan{
		What:      order.Secret,
		Redeemers: []*identity.Identity{s.records.Self(), receiver},
		Receivers: []*identity.Identity{receiver},
		T:         1,
		Publish:   req.Publish,
	}
	if req.Secret == nil {
		plan.What = order.Key
	}
	for _, o := range chosen {
		plan.Fiduciaries = append(plan.Fiduciaries, order.Choice{Custody: o.Custody, Node: o.Node, Offer: o.Offer})
	}
	return s.place(ctx, plan, req.Secret, receiver, chosen, req.Once, now)
}

// place seals an order, records it, and waits for it to be accepted.
func (s *Service) place(ctx context.Context, plan order.Plan, what *secret.Bytes, receiver *identity.Identity, chosen []directory.Offered, once *records.Once, now time.Time) (Placed, error) {
	placed, err := order.Place(s.records.Keys, plan, what, now)
	if err != nil {
		return Placed{}, err
	}
	if err := s.record(ctx, placed, plan, receiver, chosen, once); err != nil {
		return s.repeated(ctx, err)
	}
	if err := s.records.Made(ctx, placed.Envelope); err != nil {
		return Placed{}, fault.New(fault.Internal, "the order that was placed does not verify: %w", err)
	}
	ref := placed.Terms.ReferenceHex()
	return s.await(ctx, Placed{Reference: ref, OrderCID: placed.Envelope.CID, State: order.Ordered, What: plan.What, Created: now})
}

// repeated answers a request that was seen before with the order it placed.
func (s *Service) repeated(ctx context.Context, err error) (Placed, error) {
	var again *records.Repeated
	if !errors.As(err, &again) {
		return Placed{}, err
	}
	row, err := s.records.Row(ctx, Role, again.Answer)
	if err != nil {
		return Placed{}, err
	}
	out := Placed{
		Reference: row.Reference, OrderCID: row.CID, State: order.State(row.State), What: order.What(row.What),
		Commitment: row.Commitment, Created: time.UnixMilli(row.Created),
	}
	switch out.State {
	case order.Ordered:
		return s.await(ctx, out)
	case order.Failed:
		return Placed{}, fault.New(fault.Kind(row.Kind), "%s", row.Reason)
	}
	return out, nil
}

// await waits for an order's acceptances, but not for ever.
func (s *Service) await(ctx context.Context, out Placed) (Placed, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	row, err := s.step(ctx, out.Reference)
	if err != nil && !fault.Of(err).Retryable() {
		return Placed{}, err
	}
	if err == nil {
		out.State, out.Commitment = order.State(row.State), row.Commitment
	}
	return out, nil
}

// choose finds the offers that the request means.
func (s *Service) choose(ctx context.Context, req Request, now time.Time) ([]directory.Offered, error) {
	alias := req.Fiduciary
	if alias == "" {
		alias = s.fallback
	}
	if alias == "" {
		return nil, fault.New(fault.Invalid, "fiduciary: expected the name of a peer that keeps secrets; this node knows none or several")
	}
	p, err := s.records.Directory.Peer(alias)
	if err != nil {
		return nil, err
	}
	offers, err := s.records.Directory.Offers(ctx, p, now)
	if err != nil {
		return nil, err
	}
	var names []string
	var found []directory.Offered
	for _, o := range offers {
		names = append(names, o.Instance)
		if req.Custody == "" || o.Instance == req.Custody || o.Custody.Name.String() == req.Custody {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fault.New(fault.NotFound, "custody %q: peer %q offers %q under a pinned custody identity", req.Custody, p.Alias, names)
	case len(found) > 1:
		return nil, fault.New(fault.Invalid, "custody: peer %q offers %q; expected the name of one", p.Alias, names)
	}
	if req.Secret != nil && uint64(req.Secret.Len()) > found[0].Body.Limits.Secret {
		return nil, fault.New(fault.Invalid, "secret: %q takes at most %d bytes; found %d", found[0].Instance, found[0].Body.Limits.Secret, req.Secret.Len())
	}
	return found, nil
}

// pin remembers a custody identity that is relied upon at first use, because
// the peer's block says so, and refuses another in its place.
func pin(w *records.Writer, alias string, o directory.Offered, ref string) error {
	name := "first-use/" + alias + "/" + o.Instance
	was, err := w.Meta(name)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if was == nil {
		if err := w.SetMeta(name, o.Custody.Name.Bytes()); err != nil {
			return err
		}
		return w.Audit("custody.first-use", o.Custody.Name, ref, o.Offer, alias+"/"+o.Instance)
	}
	if !bytes.Equal(was, o.Custody.Name.Bytes()) {
		return fault.New(fault.Denied, "custody %q of peer %q: it shows custody identity %s, not the one accepted at first use", o.Instance, alias, o.Custody.Name)
	}
	return nil
}

// receiver finds the identity of who is to get the secret back.
func (s *Service) receiver(ctx context.Context, name dag.CID) (*identity.Identity, error) {
	self := s.records.Self()
	if !name.Defined() || name == self.Name {
		return self, nil
	}
	p, ok := s.records.Directory.PeerOf(name)
	if !ok {
		return nil, fault.New(fault.NotFound, "%s: expected this node or one of its peers", name)
	}
	return s.records.Directory.NodeIdentity(ctx, p)
}

func (s *Service) record(ctx context.Context, placed *order.Placed, plan order.Plan, receiver *identity.Identity, chosen []directory.Offered, once *records.Once) error {
	ref := placed.Terms.ReferenceHex()
	return s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Once(once, ref); err != nil {
			return err
		}
		for _, o := range chosen {
			if err := w.Chain(o.Custody); err != nil {
				return err
			}
			if err := w.Chain(o.Node); err != nil {
				return err
			}
			if p, ok := s.records.Directory.PeerOf(o.Node.Name); ok && p.FirstUse && p.Name != s.records.Self().Name && !slices.Contains(p.Pinned, o.Custody.Name) {
				if err := pin(w, p.Alias, o, ref); err != nil {
					return err
				}
			}
		}
		for _, id := range parties(plan, receiver) {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		if err := w.Envelope(ref, envelope.Order, placed.Envelope.CID, placed.Envelope.Block, plan.Publish); err != nil {
			return err
		}
		for _, b := range placed.Detached {
			if err := w.Detached(ref, b.CID, b.Bytes, plan.Publish); err != nil {
				return err
			}
		}
		err := w.Insert(records.Row{
			Order: store.Order{Role: Role, Reference: ref, State: string(order.Ordered), CID: placed.Envelope.CID},
			Data:  records.Data{What: string(plan.What), Receiver: receiver.Name, Publish: string(plan.Publish)},
		})
		if err != nil {
			return err
		}
		if plan.What == order.Network {
			if err := index(w, ref, placed.Envelope.CID); err != nil {
				return err
			}
		}
		if err := w.Later(records.JobFulfil, ref, ref, retry); err != nil {
			return err
		}
		return w.Audit("order.placed", s.records.Self().Name, ref, placed.Envelope.CID, string(plan.What))
	})
}

// step takes an order one step further, or joins who is doing so. The work
// belongs to the service: the caller only stops waiting when ctx ends.
func (s *Service) step(ctx context.Context, ref string) (records.Row, error) {
	return s.steps.Do(ctx, ref, 2*Patience, func(ctx context.Context) (records.Row, error) { return s.fulfil(ctx, ref) })
}

// Resume goes on with an order that has no acceptance yet; it is what the
// courier calls.
func (s *Service) Resume(ctx context.Context, payload []byte) error {
	var ref string
	if err := dag.Decode(payload, &ref); err != nil {
		return err
	}
	_, err := s.step(ctx, ref)
	row, known := s.records.Row(ctx, Role, ref)
	if known == nil && row.State != string(order.Ordered) {
		return nil // it is accepted, or failed and says why
	}
	if err == nil || !fault.Of(err).Retryable() {
		err = fault.New(fault.Unavailable, "order %s is not accepted yet: %w", ref, errors.Join(err, known))
	}
	return err
}

// Recover goes on with the orders that an earlier process had begun.
func (s *Service) Recover(ctx context.Context) error {
	rows, err := s.records.Pending(ctx, Role, order.Ordered)
	if err != nil {
		return err
	}
	group := errgroup.Group{}
	group.SetLimit(8)
	for _, row := range rows {
		group.Go(func() error {
			if _, err := s.step(ctx, row.Reference); err != nil {
				s.records.Log.Warn("an order is not accepted yet", "order", row.Reference, "error", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// fulfil asks every fiduciary that has not accepted, and records the answers as
// they come. Only a fiduciary's own refusal ends an order, and the end of its time:
// what does not answer, or answers what does not hold, is asked again.
func (s *Service) fulfil(ctx context.Context, ref string) (records.Row, error) {
	row, links, err := s.records.History(ctx, Role, ref)
	if err != nil || row.State != string(order.Ordered) {
		return row, err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return row, err
	}
	have, err := s.records.Acceptances(ctx, o, links)
	if err != nil {
		return row, err
	}
	if slices.Contains(have, nil) {
		err = s.ask(ctx, o, have, func(a accepted) (err error) {
			have[a.Index()] = a.VerifiedAcceptance
			row, err = s.accept(ctx, ref, o, have, a)
			return err
		})
	} else { // they came by another way
		row, err = s.accept(ctx, ref, o, have)
	}
	var refusal *refused
	switch {
	case errors.As(err, &refusal):
		return row, s.fail(ctx, ref, err)
	case err != nil && s.expired(o):
		return row, s.fail(ctx, ref, fault.New(fault.Conflict, "no acceptance before the order expired: %w", err))
	case err != nil:
		s.records.Hasten(ctx, records.JobFulfil, ref)
	}
	return row, err
}

// expired tells whether the fiduciaries may no longer accept an order.
func (s *Service) expired(o *order.VerifiedOrder) bool {
	now, err := s.records.Clock.Now()
	return err == nil && now.UnixMilli() > o.Header().Expires
}

// fail ends an order that a fiduciary refused, and returns the refusal.
func (s *Service) fail(ctx context.Context, ref string, why error) error {
	err := s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Change(Role, ref, func(r *records.Row) error {
			r.Reason, r.Kind = fault.Public(why), string(fault.Of(why))
			return r.Advance(order.EventFail)
		}); err != nil {
			return err
		}
		if err := w.Done(records.JobFulfil, ref); err != nil {
			return err
		}
		return w.Audit("order.failed", s.records.Self().Name, ref, dag.CID{}, string(fault.Of(why)))
	})
	if err != nil {
		return err
	}
	return why
}
