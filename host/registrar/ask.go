package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/milagro-dta/dta/host/flight"
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

// Patience is how long all D-TAs have to answer a request.
const Patience = 25 * time.Second

// Inquiry is what a caller wants issued, and to which key.
type Inquiry struct {
	Network   string // reference
	Kind      order.IssueKind
	Names     []string
	Enrolment *uint64 // nil: the registrar's count decides
	Anew      bool    // a name that was enrolled gets the next enrolment
	First     uint64  // day of the first permit
	Days      uint64
	Receiver  []byte   // sealing key
	Request   []byte   // a request under way, to go on with; the members above are then ignored
	Approvals [][]byte // that others have given to it
	Mandate   []byte   // of a delegate
	Once      *records.Once
}

// Outcome is what became of an inquiry. While approvals are Needed, nothing was
// sent: Request and Approvals go to the next who may sign.
type Outcome struct {
	Needed    int
	Request   []byte
	Approvals [][]byte

	Sealed  *envelope.Sealed
	Asked   *issue.VerifiedRequest
	Grants  []Grant
	Faults  []Fault
	Charter []byte
}

// Grant is one D-TA's answer, with the block that its receiver opens.
type Grant struct {
	*issue.VerifiedGrant
	Share []byte
}

// Fault is a D-TA that gave no answer that holds.
type Fault struct {
	Index   int
	Custody dag.CID
	Verdict Verdict
	Reason  string
	Kind    fault.Kind
}

// Verdict says how a D-TA failed; a closed list.
type Verdict string

const (
	Unresponsive Verdict = "unresponsive" // which may be anybody's fault
	Refused      Verdict = "refused"      // its own word
	Faulty       Verdict = "faulty"       // what it answered does not hold
)

// Ask has something issued. An inquiry that was approved is on record before the
// first D-TA hears of it; the same inquiry again, by its Once, gets the same grants.
func (s *Service) Ask(ctx context.Context, in Inquiry) (*Outcome, error) {
	n, d, err := s.known(ctx, in.Network, in.Mandate)
	if err != nil {
		return nil, err
	}
	bag, err := s.bag(n)
	if err != nil {
		return nil, err
	}
	if err := s.records.Seen(ctx, in.Once); err != nil {
		return s.repeated(ctx, n, bag, err)
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, err
	}
	r, err := s.request(ctx, n, in, now)
	if err != nil {
		return nil, err
	}
	who := s.records.Directory.Parties(ctx, bag)
	approvals, err := s.approvals(n, r, in, d, who)
	if err != nil {
		return nil, err
	}
	needed, err := issue.Missing(n.Order, r, approvals, who)
	if err != nil {
		return nil, err
	}
	if needed > 0 {
		return pending(needed, r, approvals)
	}
	sealed, err := issue.Ask(s.records.Keys, n.Order, r, approvals, who, now)
	if err != nil {
		return nil, err
	}
	replaced, err := s.replaced(ctx, n, r)
	if err != nil {
		return nil, err
	}
	if err := s.record(ctx, n, r, sealed, in); err != nil {
		return s.repeated(ctx, n, bag, err)
	}
	for _, subject := range replaced {
		if _, err := s.Revoke(ctx, in.Network, subject.Name, &subject.Enrolment); err != nil {
			return nil, fault.New(fault.Of(err), "revoking the earlier enrolment of %q: %w", subject.Name, err)
		}
	}
	return s.send(ctx, n, bag, sealed)
}

// request is the one under way, or a new one.
func (s *Service) request(ctx context.Context, n *issue.Network, in Inquiry, now time.Time) (*issue.Request, error) {
	if len(in.Request) > 0 {
		r, err := issue.ParseRequest(in.Request)
		if err != nil {
			return nil, err
		}
		if r.Kind != in.Kind {
			return nil, fault.New(fault.Invalid, "request: expected one for a %s; found %q", in.Kind, r.Kind)
		}
		return r, r.Check(n.Order)
	}
	r := issue.Request{Kind: in.Kind, First: in.First, Days: in.Days, Receiver: in.Receiver}
	for _, name := range in.Names {
		subject, err := s.subject(ctx, n, name, in)
		if err != nil {
			return nil, err
		}
		r.Subjects = append(r.Subjects, subject)
	}
	return issue.Draft(n.Order, r, now)
}

// approvals are those given and this node's own, where it may give one.
func (s *Service) approvals(n *issue.Network, r *issue.Request, in Inquiry, d *issue.Delegation, who order.Parties) ([]issue.Approval, error) {
	var out []issue.Approval
	self := s.records.Self().Name
	for i, block := range in.Approvals {
		a, err := issue.ParseApproval(block)
		if err != nil {
			return nil, fault.New(fault.Invalid, "approvals[%d]: %w", i, err)
		}
		out = append(out, *a)
	}
	rule, _ := n.Terms.Rule(r.Kind)
	may := d != nil || slices.Contains(rule.Names, self)
	signed := slices.ContainsFunc(out, func(a issue.Approval) bool { return a.Signer.Name == self })
	if !may || signed || uint64(len(out)) >= rule.Threshold {
		return out, nil
	}
	own, err := issue.Approve(s.records.Keys, n.Order, r, d, who)
	if err != nil {
		return nil, err
	}
	return append(out, *own), nil
}

func pending(needed int, r *issue.Request, approvals []issue.Approval) (*Outcome, error) {
	out := &Outcome{Needed: needed}
	var err error
	if out.Request, err = r.Marshal(); err != nil {
		return nil, err
	}
	for _, a := range approvals {
		block, err := a.Marshal()
		if err != nil {
			return nil, err
		}
		out.Approvals = append(out.Approvals, block)
	}
	return out, nil
}

// record writes a request down before it is sent, with the enrolments it makes.
func (s *Service) record(ctx context.Context, n *issue.Network, r *issue.Request, sealed *envelope.Sealed, in Inquiry) error {
	ref, own := n.Order.Terms().ReferenceHex(), chapter(n.Order, sealed.CID)
	return s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Once(in.Once, own); err != nil {
			return err
		}
		if err := w.Envelope(own, envelope.Request, sealed.CID, sealed.Block, n.Order.Terms().Publish); err != nil {
			return err
		}
		if r.Kind == order.ClientSecret {
			for _, subject := range r.Subjects {
				_, err := w.PutEnrolment(store.Enrolment{
					Role: Role, Reference: ref, Name: subject.Name, Number: subject.Enrolment,
					State: stateEnrolled, Time: w.Now.UnixMilli(), CID: sealed.CID,
				})
				if err != nil {
					return err
				}
			}
		}
		return w.Audit("network.requested", s.records.Self().Name, ref, sealed.CID, fmt.Sprintf("%s for %d subjects", r.Kind, len(r.Subjects)))
	})
}

// repeated answers an inquiry that was seen before: the same request goes to the
// D-TAs again, which have their answers on record.
func (s *Service) repeated(ctx context.Context, n *issue.Network, bag peer.Bag, err error) (*Outcome, error) {
	var again *records.Repeated
	if !errors.As(err, &again) {
		return nil, err
	}
	_, text, _ := strings.Cut(again.Answer, "/")
	c, err := dag.Parse(text)
	if err != nil {
		return nil, fault.New(fault.Internal, "the request seen before: %w", err)
	}
	block, err := s.records.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	q, err := issue.OpenRequest(s.records.Keys, n.Order, block, s.records.Directory.Parties(ctx, bag))
	if err != nil {
		return nil, err
	}
	return s.asking(ctx, n, bag, q, &envelope.Sealed{CID: c, Block: block, Plain: q.Plain()})
}

func (s *Service) send(ctx context.Context, n *issue.Network, bag peer.Bag, sealed *envelope.Sealed) (*Outcome, error) {
	q, err := issue.MadeRequest(n.Order, sealed, s.records.Directory.Parties(ctx, bag))
	if err != nil {
		return nil, fault.New(fault.Internal, "the request that was made does not verify: %w", err)
	}
	return s.asking(ctx, n, bag, q, sealed)
}

// asking sends a request to all its D-TAs, or joins who is doing so. It goes on when
// the caller has gone: what was enrolled can be asked for again.
func (s *Service) asking(ctx context.Context, n *issue.Network, bag peer.Bag, q *issue.VerifiedRequest, sealed *envelope.Sealed) (*Outcome, error) {
	return s.asks.Do(ctx, q.CID().String(), Patience+5*time.Second, func(ctx context.Context) (*Outcome, error) {
		out := &Outcome{Sealed: sealed, Asked: q}
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, a := range n.Acceptances {
			all.Go(func() {
				var g *Grant
				err := flight.Contain(func() (err error) { g, err = s.askOne(ctx, bag, q, a); return err })
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					out.Faults = append(out.Faults, s.judge(a, err))
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
func (s *Service) askOne(ctx context.Context, bag peer.Bag, q *issue.VerifiedRequest, a *order.VerifiedAcceptance) (*Grant, error) {
	node := q.Order().Terms().Fiduciaries[a.Index()].Node
	p, ok := s.records.Directory.PeerOf(node.Name)
	if !ok {
		return nil, fault.New(fault.Unavailable, "no peer block names its node %s", node.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	req := peer.FulfillRequest{RequestCID: q.CID().String(), Blocks: bag.With(q.Block())}
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 3*time.Second) {
		answer, err := p.Fiduciary.FulfillRequest(ctx, req)
		if err == nil {
			return s.grant(ctx, bag, q, a, answer)
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

func (s *Service) grant(ctx context.Context, bag peer.Bag, q *issue.VerifiedRequest, a *order.VerifiedAcceptance, answer peer.FulfilledRequest) (*Grant, error) {
	c, err := dag.Parse(answer.GrantCID)
	if err != nil {
		return nil, &faulty{err}
	}
	block, ok := answer.Blocks.Get(c)
	if !ok {
		return nil, &faulty{fault.New(fault.Invalid, "expected the grant's block in the answer")}
	}
	g, err := issue.OpenGrant(s.records.Keys, q, a, block, s.records.Directory.Parties(ctx, bag))
	if err != nil {
		return nil, &faulty{err}
	}
	share, ok := answer.Blocks.Get(g.Share())
	if !ok {
		return nil, &faulty{fault.New(fault.Invalid, "expected block %s, which the grant links, in the answer", g.Share())}
	}
	return &Grant{g, share}, nil
}

// judge names the D-TA and says how it failed. Silence is never called guilt.
func (s *Service) judge(a *order.VerifiedAcceptance, err error) Fault {
	f := Fault{Index: a.Index(), Custody: a.Custody(), Verdict: Unresponsive, Reason: fault.Public(err), Kind: fault.Of(err)}
	var bad *faulty
	switch {
	case errors.As(err, &bad):
		f.Verdict = Faulty
	case fault.Of(err).Final():
		f.Verdict = Refused
	}
	return f
}

// conclude records the grants, and who gave none.
func (s *Service) conclude(ctx context.Context, n *issue.Network, bag peer.Bag, out *Outcome) error {
	ref, own := n.Order.Terms().ReferenceHex(), chapter(n.Order, out.Asked.CID())
	err := s.records.Write(ctx, func(w *records.Writer) error {
		for _, g := range out.Grants {
			if err := w.Chain(g.Signer()); err != nil {
				return err
			}
			if err := w.Envelope(own, envelope.Grant, g.CID(), g.Block(), n.Order.Terms().Publish); err != nil {
				return err
			}
		}
		for _, f := range out.Faults {
			if err := w.Audit("network.fault", f.Custody, ref, out.Asked.CID(), string(f.Verdict)); err != nil {
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
