package fiduciary

import (
	"context"
	"fmt"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// custodyTime is how long a plugin has for one call when the caller sets no
// shorter limit.
const custodyTime = 25 * time.Second

// FulfillOrder has an order's share kept, or its key made, and answers with the
// acceptance. A repeat gets the first answer.
func (s *Service) FulfillOrder(ctx context.Context, req peer.FulfillOrder) (peer.FulfilledOrder, error) {
	c, err := dag.Parse(req.OrderPart1CID)
	if err != nil {
		return peer.FulfilledOrder{}, fmt.Errorf("orderPart1CID: %w", err)
	}
	blocks, err := s.acceptances.Do(ctx, flightKey(c, req.Documents, req.Blocks), custodyTime, func(ctx context.Context) ([]dag.CID, error) {
		return mending(ctx, s, req.Blocks, func() ([]dag.CID, error) { return s.accept(ctx, c, req) })
	})
	if err != nil {
		return peer.FulfilledOrder{}, fault.About("order "+c.String(), err)
	}
	bag, err := mending(ctx, s, req.Blocks, func() (peer.Bag, error) { return s.reply(ctx, blocks...) })
	return peer.FulfilledOrder{OrderPart2CID: blocks[0].String(), Blocks: bag}, err
}

// accept answers with the acceptance, and the deposit that the principal is to keep
// beside it. A repeat, which anyone could send, is answered with the acceptance
// alone: the principal fetches the rest with a proof of who asks.
func (s *Service) accept(ctx context.Context, c dag.CID, req peer.FulfillOrder) ([]dag.CID, error) {
	if given, _, err := s.first(ctx, c, req.Blocks); err != nil || given.Defined() {
		return []dag.CID{given}, err
	}
	if err := s.records.TakesNew(); err != nil {
		return nil, err
	}
	block, ok := req.Blocks.Get(c)
	if !ok {
		return nil, fault.New(fault.Invalid, "expected the order's block in the call")
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return nil, err
	}
	if err := s.allowed(e.Header.Signer.Name); err != nil {
		return nil, err
	}
	if err := s.fresh(e); err != nil {
		return nil, err
	}
	if err := s.records.Lacks(ctx, req.Blocks, req.Documents, e.Header.Signer); err != nil {
		return nil, err
	}
	o, err := s.records.Order(ctx, c, req.Blocks)
	if err != nil {
		return nil, err
	}
	custodian, index, err := s.custodian(o)
	if err != nil {
		return nil, err
	}
	if err := s.standing(ctx, o, index); err != nil {
		return nil, err
	}
	var share, ciphertext []byte
	if o.Terms().What == order.Secret {
		if share, err = detached(o.Shares()[index], req.Blocks); err != nil {
			return nil, fmt.Errorf("share: %w", err)
		}
		if ciphertext, err = detached(o.Ciphertext(), req.Blocks); err != nil {
			return nil, fmt.Errorf("ciphertext: %w", err)
		}
	}
	parties, err := s.inForce(ctx, o, req.Blocks, records.Concerned(o, index)...)
	if err != nil {
		return nil, err
	}
	got, err := custodian.Safeguard(ctx, Safeguard{
		Order:      Shown{o.Block(), o.Plain()},
		Operation:  o.HeaderCID(),
		Purpose:    Purpose(o.Terms().What),
		Parties:    parties,
		Share:      share,
		Checkpoint: s.records.Audit.Newest(),
	})
	if err != nil {
		return nil, fmt.Errorf("custody %q: %w", custodian.Name(), err)
	}
	acceptance := dag.Sum(got.Acceptance.Block)
	a, err := s.records.Acceptance(ctx, o, acceptance, peer.NewBag(got.Acceptance.Block))
	if err != nil {
		return nil, doesNotHold(custodian, err)
	}
	deposit, err := order.PutDeposit(got.Deposit)
	if err != nil {
		return nil, err
	}
	if a.Index() != index || a.Receipt().Deposit != deposit.CID {
		return nil, fault.New(fault.Internal, "custody %q: its receipt is for another deposit", custodian.Name())
	}
	err = s.commitAcceptance(ctx, o, a, custodian, deposit, parties, share, ciphertext)
	if fault.Of(err) == fault.Conflict {
		// Another call of the same order was first: its answer is the answer.
		if given, _, known := s.first(ctx, c, req.Blocks); known == nil && given.Defined() {
			return []dag.CID{given}, nil
		}
	}
	return []dag.CID{acceptance, a.Receipt().Deposit}, err
}

// standing refuses an order that relies on an offer which this node did not
// make, or not for this custody identity, or which had ended when the order was
// made. An offer that has been renewed since still binds.
func (s *Service) standing(ctx context.Context, o *order.VerifiedOrder, index int) error {
	f := o.Terms().Fiduciaries[index]
	for _, offered := range s.Offers() {
		if offered.Offer == f.Offer && offered.Custody.Name == f.Custody.Name {
			return nil
		}
	}
	refusal := fault.New(fault.Conflict, "it relies on offer %s, which this node does not make; ask %s for those it makes", f.Offer, peer.PathCustody)
	if !f.Offer.Defined() {
		return refusal
	}
	block, err := s.records.Get(ctx, f.Offer)
	if err != nil {
		return refusal
	}
	body, err := offer.Verify(block, s.records.Self(), time.UnixMilli(o.Header().Time))
	if err != nil || body.Custody.Name != f.Custody.Name {
		return refusal
	}
	return nil
}

// detached finds a block that an order links in the call that brings the order:
// never elsewhere, or a principal could have this node hand out what is not its.
func detached(c dag.CID, bag peer.Bag) ([]byte, error) {
	block, ok := bag.Get(c)
	if !ok {
		return nil, fault.New(fault.Invalid, "expected block %s in the call", c)
	}
	return block, nil
}

func (s *Service) commitAcceptance(ctx context.Context, o *order.VerifiedOrder, a *order.VerifiedAcceptance, by Custodian, deposit order.Block, parties []*identity.Identity, share, ciphertext []byte) error {
	ref, publish := records.Key(o), o.Terms().Publish
	return s.records.Write(ctx, func(w *records.Writer) error {
		err := w.Insert(records.Row{
			Order: store.Order{Role: Role, Reference: o.Terms().ReferenceHex(), State: string(order.Accepted), CID: o.CID()},
			Data: records.Data{
				What: string(o.Terms().What), KeyType: o.Terms().AlgorithmName(), Commitment: a.Commitment(), Publish: string(publish),
			},
		})
		if err != nil {
			return err
		}
		for _, id := range parties {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		if err := w.Envelope(ref, envelope.Order, o.CID(), o.Block(), publish); err != nil {
			return err
		}
		if err := w.Envelope(ref, envelope.Acceptance, a.CID(), a.Block(), publish); err != nil {
			return err
		}
		for _, block := range [][]byte{share, ciphertext} {
			if block == nil {
				continue
			}
			if err := w.Detached(ref, dag.Sum(block), block, publish); err != nil {
				return err
			}
		}
		// It is for the principal alone, whatever else of the order is published.
		if err := w.Detached(ref, deposit.CID, deposit.Bytes, order.PublishNone); err != nil {
			return err
		}
		if err := w.PutAnswer(o.CID(), a.CID(), dag.CID{}); err != nil {
			return err
		}
		if err := w.Audit("order.accepted", by.Identity().Name, ref, a.CID(), kept(o, a)); err != nil {
			return err
		}
		return s.notify(w, o, envelope.Acceptance, o.Principal().Name, o.CID(), a.CID())
	})
}

// Purpose is the custody purpose under which an order's deposit is stored.
func Purpose(w order.What) string {
	switch w {
	case order.Key:
		return "key"
	case order.Network:
		return "network-share"
	default:
		return "share"
	}
}
