package registrar

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// Patience is how long all D-TAs have to answer a request.
const Patience = 25 * time.Second

// Inquiry is what a caller wants issued, and to which key.
type Inquiry struct {
	Network   string // reference, or its order's CID
	Kind      order.IssueKind
	Names     []string
	Enrolment *uint64 // nil: the registrar's count decides
	Anew      bool    // a name that was enrolled gets the next enrolment
	First     uint64  // day of the first permit
	Days      uint64
	Receiver  []byte   // sealing key
	Request   []byte   // a request under way, to go on with: its names, days and receiver are then meant
	Approvals [][]byte // that others have given to it
	Mandate   []byte   // of a delegate
	Once      *records.Once
}

// Outcome is what became of an inquiry. While approvals are Needed, nothing was
// sent: Request and Approvals go to the next who may sign.
type Outcome struct {
	Needed     int
	MayApprove []dag.CID // names of the authority that have not signed yet
	Request    []byte
	Approvals  [][]byte

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
	Custody dag.CID // whose grant is missing
	Node    dag.CID // whose answer it was: all that is audited is audited of it
	Verdict Verdict
	Reason  string
	Kind    fault.Kind
}

// Verdict says how a D-TA failed; a closed list.
type Verdict string

const (
	Unresponsive Verdict = "unresponsive" // which may be anybody's fault
	Refused      Verdict = "refused"      // its node's word
	Faulty       Verdict = "faulty"       // what its node answered does not hold
)

// entry is what the audit log calls it. network.fault is another's: it stands for
// what a custody identity has signed.
func (v Verdict) entry() string {
	if v == Faulty {
		return "network.garbled"
	}
	return "network." + string(v)
}

// Ask has something issued. An inquiry that was approved is on record before the
// first D-TA hears of it; the same inquiry again, by its Once or by the request that
// it goes on with, gets the same grants.
func (s *Service) Ask(ctx context.Context, in Inquiry) (*Outcome, error) {
	n, d, err := s.known(ctx, in.Network, in.Mandate)
	if err != nil {
		return nil, err
	}
	in.Network = records.Key(n.Order)
	bag, err := s.bag(n)
	if err != nil {
		return nil, err
	}
	onces := []*records.Once{in.Once, onceOf(in)}
	for _, once := range onces {
		if err := s.records.Seen(ctx, once); err != nil {
			return s.repeated(ctx, n, bag, err)
		}
	}
	if err := s.records.TakesNew(); err != nil {
		return nil, err
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, err
	}
	r, err := s.request(ctx, n, in, now)
	if err != nil {
		return nil, err
	}
	who := s.parties(ctx, n, bag)
	approvals, err := s.approvals(n, r, in, d, who)
	if err != nil {
		return nil, err
	}
	needed, err := issue.Missing(n.Order, r, approvals, who)
	if err != nil {
		return nil, err
	}
	if needed > 0 {
		return pending(n, needed, r, approvals)
	}
	sealed, err := issue.Ask(s.records.Keys, n.Order, r, approvals, who, now)
	if err != nil {
		return nil, err
	}
	replaced, err := s.replaced(ctx, n, r, who, now)
	if err != nil {
		return nil, err
	}
	if err := s.record(ctx, n, r, sealed, replaced, in, onces); err != nil {
		return s.repeated(ctx, n, bag, err)
	}
	q, err := issue.MadeRequest(n.Order, sealed, s.parties(ctx, n, bag))
	if err != nil {
		return nil, fault.New(fault.Internal, "the request that was made does not verify: %w", err)
	}
	return s.asking(ctx, n, bag, q)
}

// onceOf marks a request that goes on: its nonce makes it one of its kind. nil for a
// new one.
func onceOf(in Inquiry) *records.Once {
	if len(in.Request) == 0 {
		return nil
	}
	hash := sha256.Sum256(in.Request)
	return &records.Once{Caller: Role, Path: in.Network, Key: hex.EncodeToString(hash[:]), MAC: hash[:]}
}

// request is the one under way, or a new one.
func (s *Service) request(ctx context.Context, n *issue.Network, in Inquiry, now time.Time) (r *issue.Asked, err error) {
	if len(in.Request) > 0 {
		if r, err = issue.ParseAsked(in.Request); err != nil {
			return nil, err
		}
		if r.Kind != in.Kind {
			return nil, fault.New(fault.Invalid, "request: expected one for a %s; found %q", in.Kind, r.Kind)
		}
		if err := r.Check(n.Order); err != nil {
			return nil, err
		}
		if err := timely(r, now); err != nil {
			return nil, err
		}
	} else {
		w := issue.Wish{Kind: in.Kind, First: in.First, Days: in.Days, Receiver: in.Receiver}
		if w.Subjects, w.Tags, err = s.subjects(ctx, n, in); err != nil {
			return nil, err
		}
		if r, err = issue.Draft(n.Order, w, now); err != nil {
			return nil, err
		}
	}
	return r, s.records.Store.View(ctx, func(tx *store.Tx) error { return records.RefuseRevoked(tx, Role, n.Order, r) })
}

// timely refuses a request that no D-TA would answer any more, or not yet.
func timely(r *issue.Asked, now time.Time) error {
	if r.Expires <= now.UnixMilli() {
		return fault.New(fault.Denied, "the request expired at %s", time.UnixMilli(r.Expires).UTC().Format(time.RFC3339))
	}
	if r.Time > now.Add(envelope.MaxSkew).UnixMilli() {
		return fault.New(fault.Denied, "the request is of %s, which is still to come", time.UnixMilli(r.Time).UTC().Format(time.RFC3339))
	}
	return nil
}

// approvals are those given and this node's own, where it may give one.
func (s *Service) approvals(n *issue.Network, r *issue.Asked, in Inquiry, d *issue.Delegation, who order.Parties) ([]issue.Approval, error) {
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

// pending is what goes to the next who may sign.
func pending(n *issue.Network, needed int, r *issue.Asked, approvals []issue.Approval) (*Outcome, error) {
	out := &Outcome{Needed: needed}
	var err error
	if out.Request, err = r.Marshal(); err != nil {
		return nil, err
	}
	rule, _ := n.Terms.Rule(r.Kind)
	out.MayApprove = slices.Clone(rule.Names)
	for _, a := range approvals {
		block, err := a.Marshal()
		if err != nil {
			return nil, err
		}
		out.Approvals = append(out.Approvals, block)
		name := a.Signer.Name
		if len(a.Delegation) > 0 {
			name = a.Delegation[0].From.Name // for whom a delegate counts
		}
		out.MayApprove = slices.DeleteFunc(out.MayApprove, func(c dag.CID) bool { return c == name })
	}
	return out, nil
}

// record writes a request down before it is sent, with the enrolments it makes and
// the revocations of those it replaces.
func (s *Service) record(ctx context.Context, n *issue.Network, r *issue.Asked, sealed *issue.SealedRequest, replaced []*revocation, in Inquiry, onces []*records.Once) error {
	ref, own := records.Key(n.Order), records.Chapter(n.Order, sealed.CID)
	return s.records.Write(ctx, func(w *records.Writer) error {
		for _, once := range onces {
			if err := w.Once(once, own); err != nil {
				return err
			}
		}
		if err := records.RefuseRevoked(w.Tx, Role, n.Order, r); err != nil {
			return err
		}
		if err := w.Envelope(own, envelope.Request, sealed.CID, sealed.Block, n.Order.Terms().Publish); err != nil {
			return err
		}
		// For as long as the same may be asked again.
		if err := w.Until(own, sealed.Subjects.CID, sealed.Subjects.Bytes, r.Expires); err != nil {
			return err
		}
		if r.Kind == order.ClientSecret {
			if err := s.enrol(w, n.Order, r, sealed.CID, in.Enrolment); err != nil {
				return err
			}
		}
		for _, v := range replaced {
			if err := v.write(w, n, s.records.Self().Name, 0); err != nil {
				return err
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
	q, err := issue.OpenRequest(s.records.Keys, n.Order, block, s.parties(ctx, n, bag))
	if err != nil {
		return nil, err
	}
	if q, err = s.records.Rolled(ctx, q, peer.Bag{}); err != nil {
		return nil, err
	}
	return s.asking(ctx, n, bag, q)
}
