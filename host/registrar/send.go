package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/milagro-dta/dta/host/directory"
	"github.com/milagro-dta/dta/host/flight"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// asking sends a request to all its D-TAs, or joins who is doing so. It goes on when
// the caller has gone: what was enrolled can be asked for again.
func (s *Service) asking(ctx context.Context, n *issue.Network, bag peer.Bag, q *issue.VerifiedRequest) (*Outcome, error) {
	return s.asks.Do(ctx, q.CID().String(), s.patience+5*time.Second, func(ctx context.Context) (*Outcome, error) {
		out := &Outcome{Asked: q}
		// Once it is forgotten, the D-TAs still say what they have signed.
		roll, err := s.records.Roll(ctx, q, peer.Bag{})
		if err != nil {
			return nil, err
		}
		sent := peer.NewBag(q.Block())
		if roll != nil {
			sent.Add(roll)
		}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, a := range n.Acceptances {
			all.Go(func() {
				var g *Grant
				err := flight.Contain(func() (err error) { g, err = s.askOne(ctx, n, bag, sent, q, a); return err })
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					out.Faults = append(out.Faults, s.judge(n, a, err))
					return
				}
				out.Grants = append(out.Grants, *g)
			})
		}
		all.Wait()
		slices.SortFunc(out.Grants, func(a, b Grant) int { return a.Index() - b.Index() })
		slices.SortFunc(out.Faults, func(a, b Fault) int { return a.Index - b.Index })
		return out, s.conclude(ctx, n, bag, out)
	})
}

// faulty is an answer of a D-TA that does not hold.
type faulty struct{ error }

func (f *faulty) Unwrap() error { return f.error }

// askOne asks a D-TA until it answers, refuses or Patience is over.
func (s *Service) askOne(ctx context.Context, n *issue.Network, bag, sent peer.Bag, q *issue.VerifiedRequest, a *order.VerifiedAcceptance) (*Grant, error) {
	node := q.Order().Terms().Fiduciaries[a.Index()].Node
	p, ok := s.records.Directory.PeerOf(node.Name)
	if !ok {
		return nil, fault.New(fault.Unavailable, "no peer block names its node %s", node.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	// An approval may be that of a delegate whom the D-TAs have never met.
	parties := append(records.Named(n.Order), records.Asking(q)...)
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 3*time.Second) {
		var answer peer.FulfilledRequest
		err := s.records.Directory.Showing(ctx, p, bag, parties, func(documents []string, along [][]byte) (err error) {
			answer, err = p.Fiduciary.FulfillRequest(ctx, peer.FulfillRequest{
				RequestCID: q.CID().String(), Documents: documents, Blocks: sent.With(along...),
			})
			return err
		})
		if err == nil {
			return s.grant(ctx, n, bag, p, q, a, answer)
		}
		if fault.Of(err).Final() || fault.Of(err) == fault.Deadline {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (s *Service) grant(ctx context.Context, n *issue.Network, bag peer.Bag, by *directory.Peer, q *issue.VerifiedRequest, a *order.VerifiedAcceptance, answer peer.FulfilledRequest) (*Grant, error) {
	c, err := dag.Parse(answer.GrantCID)
	if err != nil {
		return nil, &faulty{err}
	}
	block, ok := answer.Blocks.Get(c)
	if !ok {
		return nil, &faulty{fault.New(fault.Invalid, "expected the grant's block in the answer")}
	}
	if err := s.records.Answered(ctx, by, c, answer.Blocks); err != nil {
		return nil, err
	}
	g, err := issue.OpenGrant(s.records.Keys, q, a, block, s.parties(ctx, n, bag))
	if err != nil {
		return nil, &faulty{err}
	}
	share, ok := answer.Blocks.Get(g.Share())
	if !ok {
		// It signed that it issued, and hands out no more what it sealed.
		return nil, fault.New(fault.Denied, "what it issued is no longer handed out: the request has expired, or a subject is revoked")
	}
	return &Grant{g, share}, nil
}

// judge names the D-TA and says how it failed. Silence is never called guilt, nor
// is what went wrong in this node. A faulty answer is none that the custody identity
// has signed for this request ([issue.BadAnswer]): it accuses nobody but whoever
// sent it.
func (s *Service) judge(n *issue.Network, a *order.VerifiedAcceptance, err error) Fault {
	f := Fault{
		Index: a.Index(), Custody: a.Custody(), Node: n.Order.Terms().Fiduciaries[a.Index()].Node.Name,
		Verdict: Unresponsive, Reason: fault.Public(err), Kind: fault.Of(err),
	}
	var bad *faulty
	switch {
	case !fault.Of(err).Final():
	case errors.As(err, &bad):
		f.Verdict = Faulty
	default:
		f.Verdict = Refused
	}
	s.records.Log.Warn("a D-TA gave no answer that holds", "custody", f.Custody, "verdict", f.Verdict, "error", err)
	return f
}

// conclude records the grants, and who gave none.
func (s *Service) conclude(ctx context.Context, n *issue.Network, bag peer.Bag, out *Outcome) error {
	ref, own := records.Key(n.Order), records.Chapter(n.Order, out.Asked.CID())
	checkpoints := make([]*records.PeerCheckpoint, len(out.Grants))
	for i, g := range out.Grants {
		checkpoints[i] = s.records.PeerCheckpoint(ctx, n.Order.Terms().Fiduciaries[g.Index()].Node, g.Checkpoint(), g.Header().Time)
	}
	err := s.records.Write(ctx, func(w *records.Writer) error {
		for i, g := range out.Grants {
			if err := w.Track(checkpoints[i], ref); err != nil {
				return err
			}
			if err := w.Chain(g.Signer()); err != nil {
				return err
			}
			if err := w.Received(own, &g.Part, n.Order.Terms().Publish); err != nil {
				return err
			}
		}
		for _, f := range out.Faults {
			// No custody identity has signed any of it: it is what its node did.
			if err := w.Audit(f.Verdict.entry(), f.Node, ref, out.Asked.CID(), string(f.Kind)); err != nil {
				return err
			}
		}
		return w.Audit("network.answered", s.records.Self().Name, ref, out.Asked.CID(), fmt.Sprintf("%d of %d", len(out.Grants), len(n.Acceptances)))
	})
	if err != nil {
		return err
	}
	out.Charter, err = s.charter(ctx, n, bag, out.Asked)
	return err
}

// charter proves the network to the receiver, with the documents of all who signed
// the request.
func (s *Service) charter(ctx context.Context, n *issue.Network, bag peer.Bag, q *issue.VerifiedRequest) ([]byte, error) {
	further := []*identity.Identity{q.Signer()}
	for _, a := range q.Approvals() {
		id, err := s.records.Directory.Identity(ctx, a.Signer.Name, a.Signer.Document, bag)
		if err != nil {
			return nil, err
		}
		further = append(further, id)
	}
	return n.Charter(further...)
}
