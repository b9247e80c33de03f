// Package principal places orders: it shares a secret among fiduciaries, or has
// them make a key, and sees the order through to its acceptances.
//
// An order is on disk, with everything that the fiduciaries must be sent,
// before the first of them hears of it; from then on it is finished whatever
// happens to the caller or to this process, by re-sending the same bytes.
package principal

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/keytype"
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
	KeyType     keytype.Type  // of the key; nil: keytype.Default
	OwnKey      bool          // a key made for this order alone keeps it
	Beneficiary dag.CID       // undefined: the principal itself
	Keepers     []Keeper      // each another node; one for a key
	Threshold   int           // how many of them give the secret back; 0: all
	Publish     order.Publish // "" is order.PublishChain
	Once        *records.Once // nil: every request is an order of its own
}

// Placed is what the caller is told.
type Placed struct {
	Reference  string
	OrderCID   dag.CID
	State      order.State
	What       order.What
	KeyType    string // the name of its type; of a key alone
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

// Place shares the secret among the keepers' custody identities, records the
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
	if err := s.records.TakesNew(); err != nil {
		return Placed{}, err
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return Placed{}, err
	}
	chosen, err := s.choose(ctx, req.Keepers, now)
	if err != nil {
		return Placed{}, err
	}
	if err := within(chosen, req.Secret); err != nil {
		return Placed{}, err
	}
	if req.OwnKey {
		if err := keepsAlone(chosen); err != nil {
			return Placed{}, err
		}
	}
	if req.Secret == nil {
		if err := makes(chosen, cmp.Or(req.KeyType, keytype.Default)); err != nil {
			return Placed{}, err
		}
	}
	receiver, err := s.receiver(ctx, req.Beneficiary)
	if err != nil {
		return Placed{}, fault.New(fault.Of(err), "beneficiary: %w", err)
	}
	plan := order.Plan{
		What:      order.Secret,
		KeyType:   req.KeyType,
		Redeemers: []*identity.Identity{s.records.Self(), receiver},
		Receivers: []*identity.Identity{receiver},
		T:         req.Threshold,
		Publish:   req.Publish,
		OwnKey:    req.OwnKey,
	}
	if req.Secret == nil {
		plan.What = order.Key
	}
	if plan.T == 0 {
		plan.T = len(chosen)
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
	return s.await(ctx, Placed{Reference: placed.Terms.ReferenceHex(), OrderCID: placed.Envelope.CID, State: order.Ordered, What: plan.What, KeyType: placed.Terms.AlgorithmName(), Created: now})
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
		Reference: row.Reference, OrderCID: row.CID, State: order.State(row.State), What: order.What(row.What), KeyType: row.KeyType,
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

// await waits for an order's acceptances, but not for ever. Only an order that has
// failed is an error: a caller who is told of another would place it anew, while it
// goes on.
func (s *Service) await(ctx context.Context, out Placed) (Placed, error) {
	waiting, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	row, err := s.step(waiting, out.OrderCID.String())
	if err != nil {
		now, unknown := s.records.Row(context.WithoutCancel(ctx), Role, out.OrderCID.String())
		if unknown != nil || now.State == string(order.Failed) {
			return Placed{}, err
		}
		return out, nil
	}
	out.State, out.Commitment = order.State(row.State), row.Commitment
	return out, nil
}

func (s *Service) record(ctx context.Context, placed *order.Placed, plan order.Plan, receiver *identity.Identity, chosen []directory.Offered, once *records.Once) error {
	ref := placed.Envelope.CID.String()
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
				if err := pin(w, o, ref); err != nil {
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
			Order: store.Order{Role: Role, Reference: placed.Terms.ReferenceHex(), State: string(order.Ordered), CID: placed.Envelope.CID},
			Data: records.Data{
				What: string(plan.What), KeyType: placed.Terms.AlgorithmName(), Receiver: receiver.Name, Publish: string(plan.Publish),
			},
		})
		if err != nil {
			return err
		}
		if plan.What == order.Network {
			if err := index(w, placed.Terms.ReferenceHex(), placed.Envelope.CID); err != nil {
				return err
			}
		}
		if err := w.Later(records.JobFulfil, ref, ref, retry); err != nil {
			return err
		}
		return w.Audit("order.placed", s.records.Self().Name, ref, placed.Envelope.CID, string(plan.What))
	})
}
