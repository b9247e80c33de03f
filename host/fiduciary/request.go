package fiduciary

import (
	"context"
	"fmt"
	"slices"
	"time"

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

// Issue is what a plugin is shown to issue in a network.
type Issue struct {
	Order, Acceptance, Request Shown
	RequestCID                 dag.CID
	Chains                     [][][]byte
	Deposit                    []byte
	Checkpoint                 []byte
}

// Issued is a plugin's answer: the grant, and the detached block it links.
type Issued struct {
	Grant Shown
	Share []byte
}

// FulfillRequest has a network's share issue what a request asks for, and answers
// with the grant once it is on disk. A repeat gets the first answer; what is
// sealed to the receiver comes with it until the request has expired.
func (s *Service) FulfillRequest(ctx context.Context, req peer.FulfillRequest) (peer.FulfilledRequest, error) {
	c, err := dag.Parse(req.RequestCID)
	if err != nil {
		return peer.FulfilledRequest{}, fmt.Errorf("requestCID: %w", err)
	}
	blocks, err := s.grants.Do(ctx, flightKey(c, req.Blocks), custodyTime, func(ctx context.Context) ([]dag.CID, error) {
		return s.grant(ctx, c, req)
	})
	if err != nil {
		return peer.FulfilledRequest{}, fmt.Errorf("request %s: %w", c, err)
	}
	bag, err := s.reply(ctx, blocks...)
	return peer.FulfilledRequest{GrantCID: blocks[0].String(), Blocks: bag}, err
}

func (s *Service) grant(ctx context.Context, c dag.CID, req peer.FulfillRequest) ([]dag.CID, error) {
	block, ok := req.Blocks.Get(c)
	if !ok {
		return nil, fault.New(fault.Invalid, "expected the request's block in the call")
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, err
	}
	if given, share, err := s.answer(ctx, c); err != nil || given.Defined() {
		if records.Fresh(block, now) != nil {
			share = dag.CID{}
		}
		return []dag.CID{given, share}, err
	}
	o, err := s.network(ctx, block, envelope.Request)
	if err != nil {
		return nil, err
	}
	q, err := s.records.Request(ctx, o, c, req.Blocks)
	if err != nil {
		return nil, err
	}
	if err := records.Fresh(q.Block(), now); err != nil {
		return nil, err
	}
	if err := q.Current(now); err != nil {
		return nil, err
	}
	if err := s.revoked(ctx, q); err != nil {
		return nil, err
	}
	custodian, index, err := s.custodian(o)
	if err != nil {
		return nil, err
	}
	acceptance, deposit, err := s.kept(ctx, o, custodian)
	if err != nil {
		return nil, err
	}
	a, err := s.records.Acceptance(ctx, o, acceptance, peer.Bag{})
	if err != nil {
		return nil, err
	}
	chains, err := s.chains(ctx, req.Blocks, append(records.Named(o), askers(q)...)...)
	if err != nil {
		return nil, err
	}
	got, err := custodian.Issue(ctx, Issue{
		Order:      Shown{o.Block(), o.Plain()},
		Acceptance: Shown{a.Block(), a.Plain()},
		Request:    Shown{q.Block(), q.Plain()},
		RequestCID: c,
		Chains:     chains,
		Deposit:    deposit,
		Checkpoint: s.records.Audit.Newest(),
	})
	if err != nil {
		return nil, fmt.Errorf("custody %q: %w", custodian.Name(), err)
	}
	grant := dag.Sum(got.Grant.Block)
	g, err := s.records.Grant(ctx, q, a, grant, req.Blocks.With(got.Grant.Block))
	if err != nil {
		return nil, fault.New(fault.Internal, "custody %q: what it signed does not hold: %w", custodian.Name(), err)
	}
	if g.Index() != index || g.Share() != dag.Sum(got.Share) {
		return nil, fault.New(fault.Internal, "custody %q: its grant links another share", custodian.Name())
	}
	if err := s.commitGrant(ctx, q, g, got); err != nil {
		if given, share, known := s.answer(ctx, c); fault.Of(err) == fault.Conflict && known == nil && given.Defined() {
			return []dag.CID{given, share}, nil // another call of the same request was first
		}
		return nil, err
	}
	return []dag.CID{g.CID(), g.Share()}, nil
}

// askers are those of whom a request carries signatures, at the documents they
// signed with, and everybody that it is encrypted for.
func askers(q *issue.VerifiedRequest) []identity.Party {
	parties := records.At(q.Signer(), q.Recipients()...)
	for _, a := range q.Approvals() {
		parties = append(parties, a.Signer)
		for _, d := range a.Delegation {
			parties = append(parties, d.From)
		}
	}
	return parties
}

// network finds the order that an envelope about a network links, before anything
// of the envelope is verified.
func (s *Service) network(ctx context.Context, block []byte, kind envelope.Kind) (*order.VerifiedOrder, error) {
	e, err := envelope.Parse(block)
	if err != nil {
		return nil, err
	}
	if e.Header.Kind != kind || len(e.Header.Previous) != 1 {
		return nil, fault.New(fault.Invalid, "expected a %s that links its network's order; found %q with %d links", kind, e.Header.Kind, len(e.Header.Previous))
	}
	if self := s.records.Self().Name; !slices.ContainsFunc(e.Header.Recipients, func(p identity.Party) bool { return p.Name == self }) {
		return nil, fault.New(fault.Denied, "it is not for this node")
	}
	row, err := s.orderOf(ctx, e.Header.Previous[0])
	if err != nil {
		return nil, err
	}
	return s.records.Order(ctx, row.CID, peer.Bag{})
}

// revoked refuses a request for a subject that was revoked. In an additive network
// one D-TA that remembers is enough.
func (s *Service) revoked(ctx context.Context, q *issue.VerifiedRequest) error {
	return s.records.Store.View(ctx, func(tx *store.Tx) error { return refuseRevoked(tx, q) })
}

func refuseRevoked(tx *store.Tx, q *issue.VerifiedRequest) error {
	r := q.Request()
	if r.Kind == order.ServerSecret {
		return nil
	}
	names := make([]string, 0, len(r.Subjects))
	for _, subject := range r.Subjects {
		names = append(names, subject.Name)
	}
	revoked, err := tx.NewestEnrolments(Role, q.Order().Terms().ReferenceHex(), stateRevoked, names...)
	if err != nil {
		return err
	}
	for _, subject := range r.Subjects {
		if e, ok := revoked[subject.Name]; ok && subject.Enrolment <= e.Number {
			return fault.New(fault.Denied, "%q, enrolment %d, was revoked at %s", subject.Name, subject.Enrolment, time.UnixMilli(e.Time).UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// chapter is the reference under which a request and its grant are kept: each is a
// chain of its own, so that a network's does not grow with every enrolment.
func chapter(o *order.VerifiedOrder, c dag.CID) string {
	return o.Terms().ReferenceHex() + "/" + c.String()
}

func (s *Service) commitGrant(ctx context.Context, q *issue.VerifiedRequest, g *issue.VerifiedGrant, got Issued) error {
	o := q.Order()
	ref, own, publish := o.Terms().ReferenceHex(), chapter(o, q.CID()), o.Terms().Publish
	return s.records.Write(ctx, func(w *records.Writer) error {
		// A revocation that was committed while the plugin computed still counts.
		if err := refuseRevoked(w.Tx, q); err != nil {
			return err
		}
		for _, id := range append(q.Recipients(), q.Signer()) {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		if err := w.Envelope(own, envelope.Request, q.CID(), q.Block(), publish); err != nil {
			return err
		}
		if err := w.Envelope(own, envelope.Grant, g.CID(), got.Grant.Block, publish); err != nil {
			return err
		}
		if err := w.Detached(own, g.Share(), got.Share, order.PublishNone); err != nil {
			return err
		}
		// Nobody is given it after that, so that it need not lie about.
		if err := w.Perish(g.Share(), q.Header().Expires); err != nil {
			return err
		}
		if err := w.PutAnswer(q.CID(), g.CID(), g.Share()); err != nil {
			return err
		}
		r := q.Request()
		return w.Audit("network.granted", q.Signer().Name, ref, g.CID(), fmt.Sprintf("%s for %d subjects", r.Kind, len(r.Subjects)))
	})
}
