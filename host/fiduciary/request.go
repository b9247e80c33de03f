package fiduciary

import (
	"context"
	"fmt"

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
	Operation                  dag.CID // HeaderCID of the request
	Parties                    []*identity.Identity
	Deposit                    []byte
	Checkpoint                 []byte
	Roll                       []byte // whom the request is for
}

// Issued is a plugin's answer: the grant, and the detached block it links.
type Issued struct {
	Grant Shown
	Share []byte
}

// FulfillRequest has a network's share issue what a request asks for, and answers
// with the grant once it is on disk. A repeat gets the first answer. What is
// sealed to the receiver comes with it until the request has expired or one of
// its subjects is revoked.
func (s *Service) FulfillRequest(ctx context.Context, req peer.FulfillRequest) (peer.FulfilledRequest, error) {
	c, err := dag.Parse(req.RequestCID)
	if err != nil {
		return peer.FulfilledRequest{}, fmt.Errorf("requestCID: %w", err)
	}
	blocks, err := s.grants.Do(ctx, flightKey(c, req.Documents, req.Blocks), custodyTime, func(ctx context.Context) ([]dag.CID, error) {
		return mending(ctx, s, req.Blocks, func() ([]dag.CID, error) { return s.grant(ctx, c, req) })
	})
	if err != nil {
		return peer.FulfilledRequest{}, fault.About("request "+c.String(), err)
	}
	bag, err := s.reply(ctx, blocks...)
	return peer.FulfilledRequest{GrantCID: blocks[0].String(), Blocks: bag}, err
}

func (s *Service) grant(ctx context.Context, c dag.CID, req peer.FulfillRequest) ([]dag.CID, error) {
	bag := req.Blocks
	if blocks, err := s.granted(ctx, c, bag); err != nil || blocks != nil {
		return blocks, err
	}
	if err := s.records.TakesNew(); err != nil {
		return nil, err
	}
	e, o, err := s.beside(ctx, bag, c, envelope.Request)
	if err != nil {
		return nil, err
	}
	leave, err := s.admit(ctx, o, e.Header.Signer.Name)
	if err != nil {
		return nil, err
	}
	q, asking, err := s.request(ctx, o, c, req, e.Header.Signer)
	leave()
	if err != nil {
		return nil, err
	}
	roll, err := q.Request().Roll.Marshal()
	if err != nil {
		return nil, err
	}
	custodian, index, err := s.custodian(o)
	if err != nil {
		return nil, err
	}
	a, deposit, err := s.kept(ctx, o)
	if err != nil {
		return nil, err
	}
	got, err := custodian.Issue(ctx, Issue{
		Order:      Shown{o.Block(), o.Plain()},
		Acceptance: Shown{a.Block(), a.Plain()},
		Request:    Shown{q.Block(), q.Plain()},
		Operation:  q.HeaderCID(),
		Parties:    asking,
		Deposit:    deposit,
		Checkpoint: s.records.Audit.Newest(),
		Roll:       roll,
	})
	if err != nil {
		return nil, fmt.Errorf("custody %q: %w", custodian.Name(), err)
	}
	g, err := s.records.Grant(ctx, q, a, dag.Sum(got.Grant.Block), bag.With(got.Grant.Block))
	if err != nil {
		return nil, doesNotHold(custodian, err)
	}
	if g.Index() != index || g.Share() != dag.Sum(got.Share) {
		return nil, fault.New(fault.Internal, "custody %q: its grant links another share", custodian.Name())
	}
	if err := s.commitGrant(ctx, q, a, g, asking, got, bag); err != nil {
		if fault.Of(err) == fault.Conflict {
			// Another call of the same request was first: its answer is the answer.
			if blocks, known := s.granted(ctx, c, bag); known == nil && blocks != nil {
				return blocks, nil
			}
		}
		return nil, err
	}
	return []dag.CID{g.CID(), g.Share()}, nil
}

// granted is the answer that a request has had: the grant, and what is sealed to
// the receiver for as long as it is handed out; nil where it has had none.
func (s *Service) granted(ctx context.Context, c dag.CID, bag peer.Bag) ([]dag.CID, error) {
	c, err := s.onRecord(ctx, c, bag)
	if err != nil {
		return nil, err
	}
	given, share, err := s.answer(ctx, c)
	if err != nil || !given.Defined() {
		return nil, err
	}
	block, err := s.records.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return nil, err
	}
	if e.Header.Kind != envelope.Request {
		return nil, fault.New(fault.Invalid, "expected a request; found %q", e.Header.Kind)
	}
	switch err := s.standsOpen(ctx, c, block); {
	case err == nil:
		return []dag.CID{given, share}, nil
	case fault.Of(err).Final():
		return []dag.CID{given}, nil
	default:
		return nil, err
	}
}

// standsOpen refuses a request, granted before, that has expired since or one of
// whose subjects was revoked.
func (s *Service) standsOpen(ctx context.Context, c dag.CID, block []byte) error {
	_, o, err := s.beside(ctx, peer.NewBag(block), c, envelope.Request)
	if err != nil {
		return err
	}
	q, err := s.records.Request(ctx, o, c, peer.Bag{})
	if err != nil {
		return err
	}
	return s.records.Store.View(ctx, func(tx *store.Tx) error { return refuseRevoked(tx, q) })
}

// request verifies a request that is to be answered for the first time, and finds
// the identities of all concerned, as they stand now.
func (s *Service) request(ctx context.Context, o *order.VerifiedOrder, c dag.CID, req peer.FulfillRequest, signer identity.Party) (*issue.VerifiedRequest, []*identity.Identity, error) {
	bag := req.Blocks
	if err := s.records.Lacks(ctx, bag, req.Documents, signer); err != nil {
		return nil, nil, err
	}
	q, err := s.records.Request(ctx, o, c, bag)
	if err != nil {
		return nil, nil, err
	}
	if !q.Rolled() {
		return nil, nil, fault.New(fault.Invalid, "expected the block of the request's subjects in the call")
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, nil, err
	}
	if err := q.Current(now); err != nil {
		return nil, nil, err
	}
	asking, err := s.inForce(ctx, q, bag, append(records.Named(o), records.Asking(q)...)...)
	if err != nil {
		return nil, nil, err
	}
	return q, asking, s.records.Store.View(ctx, func(tx *store.Tx) error { return refuseRevoked(tx, q) })
}

func (s *Service) commitGrant(ctx context.Context, q *issue.VerifiedRequest, a *order.VerifiedAcceptance, g *issue.VerifiedGrant, asking []*identity.Identity, got Issued, bag peer.Bag) error {
	roll, err := s.records.Roll(ctx, q, bag)
	if err != nil {
		return err
	}
	o, expires := q.Order(), q.Header().Expires
	ref, chapter, publish := records.Key(o), records.Chapter(o, q.CID()), o.Terms().Publish
	return s.records.Write(ctx, func(w *records.Writer) error {
		// What was committed, and what time it has become, while the plugin computed.
		if err := refuseRevoked(w.Tx, q); err != nil {
			return err
		}
		if w.Now.UnixMilli() > expires {
			return fault.New(fault.Denied, "the request expired before it was answered")
		}
		for _, id := range append(asking, g.Signer()) {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		if err := w.Envelope(chapter, envelope.Request, q.CID(), q.Block(), publish); err != nil {
			return err
		}
		if err := w.Envelope(chapter, envelope.Grant, g.CID(), got.Grant.Block, publish); err != nil {
			return err
		}
		if err := w.Until(chapter, g.Share(), got.Share, expires); err != nil {
			return err
		}
		// Whom it is for the registrar has to hear, if it did not ask.
		until := expires
		if s.tellsRegistrar(o, q.Signer().Name) {
			until = w.Now.Add(order.AnswerLife).UnixMilli()
		}
		if err := w.Until(chapter, q.Roll(), roll, until); err != nil {
			return err
		}
		if err := w.PutAnswer(q.CID(), g.CID(), g.Share()); err != nil {
			return err
		}
		r := q.Request()
		if err := w.Audit("network.granted", q.Signer().Name, ref, g.CID(), fmt.Sprintf("%s for %d subjects", r.Kind, len(r.Subjects))); err != nil {
			return err
		}
		return s.tellRegistrar(w, o, envelope.Grant, q.Signer().Name, a.CID(), q.CID(), g.CID())
	})
}
