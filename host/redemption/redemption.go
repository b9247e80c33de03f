// Package redemption gets a secret back: it signs a redemption, asks the
// fiduciaries for their releases, checks every share against the commitments
// and combines them. The principal's and the beneficiary's services both use it.
//
// A redemption is on disk before a fiduciary hears of it, its reply keys sealed
// under the node's own key, so that one begun before a crash can be finished
// after it.
package redemption

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Patience is how long the fiduciaries have to answer one attempt.
const Patience = 30 * time.Second

// Secret is what a redemption gave. Where the redeemer is not the receiver,
// Material is nil and only Release says what was done.
type Secret struct {
	Reference  string
	What       order.What
	KeyType    keytype.Type // of a key, else nil
	Material   *secret.Bytes
	Commitment []byte
	Redemption dag.CID
	Release    dag.CID
}

// Service redeems the orders of one role.
type Service struct {
	records *records.Records
	role    string
	steps   *flight.Group[collected]
}

// New redeems the orders that the records hold under a role.
func New(r *records.Records, role string) *Service {
	return &Service{records: r, role: role, steps: flight.New[collected]()}
}

// Close ends the redemptions under way; they are taken up again at the next
// start.
func (s *Service) Close() { s.steps.Close() }

// Redeem asks for a release to receiver, which the order's terms must allow;
// undefined stands for this node. The caller clears the secret.
func (s *Service) Redeem(ctx context.Context, ref string, receiver dag.CID, once *records.Once) (Secret, error) {
	if err := s.records.Seen(ctx, once); err != nil {
		return s.repeated(ctx, ref, err)
	}
	row, links, err := s.records.History(ctx, s.role, ref)
	if err != nil {
		return Secret{}, err
	}
	o, err := s.records.Order(ctx, row.CID, peer.Bag{})
	if err != nil {
		return Secret{}, err
	}
	self := s.records.Self()
	if !receiver.Defined() {
		receiver = self.Name
	}
	if !slices.Contains(o.Terms().Receivers, receiver) {
		return Secret{}, fault.New(fault.Denied, "order %s: its terms do not release it to %s", ref, receiver)
	}
	if row.State == string(order.Ordered) || row.State == string(order.Failed) {
		return Secret{}, fault.New(fault.Conflict, "order %s: it is %s; only an accepted order can be redeemed", ref, row.State)
	}
	if receiver == self.Name {
		got, err := s.delivered(ctx, o, row, links)
		if err != nil {
			return Secret{}, err
		}
		if got != nil {
			// Where too many of its shares are bad, a redemption of this node's own may
			// have others.
			out, err := s.open(ctx, *got, nil)
			if spoilt := new(spoilt); !errors.As(err, &spoilt) || !slices.Contains(o.Terms().Redeemers, self.Name) {
				return out, err
			}
		}
	}
	red, reply, err := s.sign(ctx, o, links, receiver, once)
	defer reply.Clear()
	if err != nil {
		return s.repeated(ctx, ref, err)
	}
	return s.finish(ctx, ref, red, reply)
}

// repeated gives the answer of a redemption that was asked for before.
func (s *Service) repeated(ctx context.Context, ref string, err error) (Secret, error) {
	var again *records.Repeated
	if !errors.As(err, &again) {
		return Secret{}, err
	}
	redemption, err := dag.Parse(again.Answer)
	if err != nil {
		return Secret{}, fault.New(fault.Internal, "remembered redemption: %w", err)
	}
	return s.finish(ctx, ref, redemption, nil)
}

// Resume goes on with a redemption that has no release yet; it is what the
// courier calls.
func (s *Service) Resume(ctx context.Context, payload []byte) error {
	var j job
	if err := dag.Decode(payload, &j); err != nil {
		return err
	}
	_, err := s.step(ctx, j.Order, j.Redemption, nil)
	var refusal *refused
	if errors.As(err, &refusal) {
		return s.giveUp(ctx, j, err)
	}
	if err != nil && !fault.Of(err).Retryable() {
		return fault.New(fault.Unavailable, "redemption %s has no release yet: %w", j.Redemption, err)
	}
	return err
}

// Recover goes on with the redemptions that an earlier process had begun.
func (s *Service) Recover(ctx context.Context) error {
	rows, err := s.records.Pending(ctx, s.role, order.Redeeming)
	if err != nil {
		return err
	}
	group := errgroup.Group{}
	group.SetLimit(8)
	for _, row := range rows {
		group.Go(func() error {
			payload, err := dag.Encode(job{Role: s.role, Order: row.Key(), Redemption: row.Redemption})
			if err != nil {
				return err
			}
			// What fails now, the courier tries again.
			if err := s.Resume(ctx, payload); err != nil {
				s.records.Log.Warn("a redemption is not finished yet", "order", row.Key(), "error", err)
			}
			return nil
		})
	}
	return group.Wait()
}

// job is the payload of records.JobRedeem.
type job struct {
	Role       string  `cbor:"role"`
	Order      string  `cbor:"order"` // its key
	Redemption dag.CID `cbor:"redemption"`
}

// RoleOf says whose redemption a job is, so that it reaches the right service.
func RoleOf(payload []byte) (string, error) {
	var j job
	err := dag.Decode(payload, &j)
	return j.Role, err
}

// sign makes the redemption and records it. The caller clears the root of the reply
// keys, which is nil where another is to receive.
func (s *Service) sign(ctx context.Context, o *order.VerifiedOrder, links records.Links, receiver dag.CID, once *records.Once) (dag.CID, *secret.Bytes, error) {
	now, err := s.records.Clock.Now()
	if err != nil {
		return dag.CID{}, nil, err
	}
	ref := records.Key(o)
	relied, err := s.records.Acceptances(ctx, o, links)
	if err != nil {
		return dag.CID{}, nil, err
	}
	relied = slices.DeleteFunc(relied, func(a *order.VerifiedAcceptance) bool { return a == nil })
	red, reply, err := order.Redeem(s.records.Keys, o, relied, receiver, s.records.Directory.Parties(ctx, peer.Bag{}), now)
	if err != nil {
		return dag.CID{}, reply, err
	}
	sealed, err := s.sealReply(red.CID, reply)
	if err != nil {
		return dag.CID{}, reply, err
	}
	j := job{Role: s.role, Order: ref, Redemption: red.CID}
	err = s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Once(once, red.CID.String()); err != nil {
			return err
		}
		if err := w.Envelope(ref, envelope.Redemption, red.CID, red.Block, o.Terms().Publish); err != nil {
			return err
		}
		if err := w.Later(records.JobRedeem, red.CID.String(), j, Patience); err != nil {
			return err
		}
		if err := w.Audit("order.redeemed", s.records.Self().Name, ref, red.CID, "for "+receiver.String()); err != nil {
			return err
		}
		return w.Change(s.role, ref, func(r *records.Row) error {
			r.Redemption = red.CID
			if sealed != nil {
				r.Keep(records.Reply{Redemption: red.CID, Sealed: sealed})
			}
			return r.Advance(order.EventRedeem)
		})
	})
	if err != nil {
		return dag.CID{}, reply, err
	}
	return red.CID, reply, s.records.MadeRedemption(ctx, o, red)
}

// sealReply seals the root of reply keys for this node's own store, bound to its
// redemption.
func (s *Service) sealReply(redemption dag.CID, reply *secret.Bytes) ([]byte, error) {
	if reply == nil {
		return nil, nil
	}
	key := s.records.Keys.StateKey()
	defer key.Clear()
	return seal.V2.Encrypt(key, redemption.Bytes(), reply.Open())
}

func (s *Service) openReply(redemption dag.CID, sealed []byte) (*secret.Bytes, error) {
	key := s.records.Keys.StateKey()
	defer key.Clear()
	reply, err := seal.V2.Decrypt(key, redemption.Bytes(), sealed)
	if err != nil {
		return nil, fault.New(fault.Internal, "reply keys of redemption %s: %w", redemption, err)
	}
	return reply, nil
}

// finish gets the releases of a redemption and opens them. Whose share turns out bad,
// or not to be had, is passed over, and another asked as long as there is one.
func (s *Service) finish(ctx context.Context, ref string, redemption dag.CID, reply *secret.Bytes) (Secret, error) {
	var bad []int
	var why error
	for {
		got, err := s.step(ctx, ref, redemption, bad)
		if err != nil && why != nil {
			return Secret{}, fault.New(fault.Of(err), "%w; %w", err, why)
		}
		if err != nil {
			return Secret{}, err
		}
		out, err := s.open(ctx, got, reply)
		var spoilt *spoilt
		if !errors.As(err, &spoilt) {
			return out, err
		}
		bad, why = append(bad, spoilt.by...), errors.Join(why, err)
		if terms := got.red.Order().Terms(); len(terms.Fiduciaries)-len(bad) < int(terms.T) {
			return Secret{}, why
		}
	}
}

// step collects the releases of a redemption from all but the bad fiduciaries, or
// joins who is doing so. The work belongs to the service: the caller only stops
// waiting when ctx ends.
func (s *Service) step(ctx context.Context, ref string, redemption dag.CID, bad []int) (collected, error) {
	return s.steps.Do(ctx, fmt.Sprint(redemption, bad), Patience, func(ctx context.Context) (collected, error) {
		return s.collect(ctx, ref, redemption, bad)
	})
}

// giveUp records that a redemption came to nothing.
func (s *Service) giveUp(ctx context.Context, j job, why error) error {
	return s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Done(records.JobRedeem, j.Redemption.String()); err != nil {
			return err
		}
		if err := w.Audit("redemption.failed", s.records.Self().Name, j.Order, j.Redemption, string(fault.Of(why))); err != nil {
			return err
		}
		return w.Change(s.role, j.Order, func(r *records.Row) error {
			if r.Redemption != j.Redemption || r.State != string(order.Redeeming) {
				return nil
			}
			r.Reason = fault.Public(why)
			return r.Advance(order.EventGiveUp)
		})
	})
}
