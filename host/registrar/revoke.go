package registrar

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
	"github.com/milagro-dta/dta/protocol/peer"
)

// revoking is the payload of records.JobRevoke.
type revoking struct {
	Order      string  `cbor:"order"` // key of the network's
	Revocation dag.CID `cbor:"revocation"`
	To         dag.CID `cbor:"to"` // the D-TA's node
}

// telling is how long a caller waits for D-TAs to take a revocation. Those that do
// not are told later, for as long as it takes.
const telling = 10 * time.Second

// Revoked is what became of a revocation.
type Revoked struct {
	Subject  issue.Subject
	CID      dag.CID
	Informed []dag.CID // D-TAs' nodes that have taken it
	Pending  []dag.CID
	LastDay  uint64 // on which a permit that was issued before can still be good
}

// revocation is one that is sealed, with the work of bringing it to the D-TAs.
type revocation struct {
	mark   string
	number uint64
	sealed *envelope.Sealed
	jobs   []revoking
}

func (s *Service) revocation(n *issue.Network, subject issue.Subject, who order.Parties, now time.Time) (*revocation, error) {
	sealed, err := issue.Revoke(s.records.Keys, n.Order, subject, who, now)
	if err != nil {
		return nil, err
	}
	return &revocation{issue.Mark(n.Terms, subject.Name), subject.Enrolment, sealed, jobs(n, sealed.CID)}, nil
}

// write records a revocation; the courier brings it to the D-TAs after a while.
func (v *revocation) write(w *records.Writer, n *issue.Network, by dag.CID, after time.Duration) error {
	ref := records.Key(n.Order)
	if err := w.Envelope(records.Chapter(n.Order, v.sealed.CID), envelope.Revocation, v.sealed.CID, v.sealed.Block, n.Order.Terms().Publish); err != nil {
		return err
	}
	if _, err := markRevoked(w, n.Order, v.mark, v.number, v.sealed.CID); err != nil {
		return err
	}
	for _, j := range v.jobs {
		if err := w.LaterTo(j.To.String(), records.JobRevoke, j.key(), j, after); err != nil {
			return err
		}
	}
	return w.Audit("network.revoked", by, ref, v.sealed.CID, "")
}

// Revoke has nothing more issued to a name: to its newest enrolment and all before,
// or to the one given and all before. From then on this node asks for nothing more.
func (s *Service) Revoke(ctx context.Context, ref, name string, enrolment *uint64) (*Revoked, error) {
	n, _, err := s.known(ctx, ref, nil)
	if err != nil {
		return nil, err
	}
	ref = records.Key(n.Order)
	subject := issue.Subject{Name: name}
	if enrolment != nil {
		subject.Enrolment = *enrolment
	} else {
		known, err := s.newest(ctx, n, name)
		if err != nil {
			return nil, err
		}
		e, ok := known[name]
		if !ok {
			return nil, fault.New(fault.NotFound, "%q is enrolled by nobody whom this node knows of: give the enrolment", name)
		}
		subject.Enrolment = e.Number
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, err
	}
	bag, err := s.bag(n)
	if err != nil {
		return nil, err
	}
	v, err := s.revocation(n, subject, s.parties(ctx, n, bag), now)
	if err != nil {
		return nil, err
	}
	err = s.records.Write(ctx, func(w *records.Writer) error { return v.write(w, n, s.records.Self().Name, telling) })
	if err != nil {
		return nil, err
	}
	out := &Revoked{Subject: subject, CID: v.sealed.CID, LastDay: issue.Day(now) + n.Terms.MaxDays}
	s.tellAll(ctx, v.jobs, v.sealed.Block, bag, out)
	return out, nil
}

// markRevoked notes the revocation of a name's enrolments up to one, and tells
// whether it was news. Who that is, nobody needs to know from then on.
func markRevoked(w *records.Writer, o *order.VerifiedOrder, mark string, number uint64, c dag.CID) (bool, error) {
	e := enrolment(o, mark, number, records.StateRevoked, w.Now, c)
	added, err := w.PutEnrolment(e)
	if err != nil || added {
		return added, err
	}
	err = w.SaveEnrolment(e, stateEnrolled)
	if fault.Of(err) == fault.Conflict {
		return false, nil // it was revoked before
	}
	return err == nil, err
}

func (j revoking) key() string { return j.Revocation.String() + " " + j.To.String() }

// jobs is one for each node that serves the network.
func jobs(n *issue.Network, c dag.CID) (out []revoking) {
	seen := make(map[dag.CID]bool)
	for _, f := range n.Order.Terms().Fiduciaries {
		if !seen[f.Node.Name] {
			seen[f.Node.Name] = true
			out = append(out, revoking{records.Key(n.Order), c, f.Node.Name})
		}
	}
	return out
}

func (s *Service) tellAll(ctx context.Context, jobs []revoking, block []byte, bag peer.Bag, out *Revoked) {
	ctx, cancel := context.WithTimeout(ctx, telling)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, j := range jobs {
		all.Go(func() {
			err := s.tell(ctx, j, block, bag)
			if err == nil {
				err = s.records.Write(ctx, func(w *records.Writer) error {
					if err := w.Done(records.JobRevoke, j.key()); err != nil {
						return err
					}
					return w.Audit("network.informed", j.To, j.Order, j.Revocation, "")
				})
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.records.Log.Warn("a D-TA has not taken a revocation yet", "node", j.To, "error", err)
				out.Pending = append(out.Pending, j.To)
				return
			}
			out.Informed = append(out.Informed, j.To)
		})
	}
	all.Wait()
}

// tell brings a revocation to a D-TA; its signer's documents may be in the bag.
func (s *Service) tell(ctx context.Context, j revoking, block []byte, bag peer.Bag) error {
	p, ok := s.records.Directory.PeerOf(j.To)
	if !ok {
		return fault.New(fault.Unavailable, "no peer block names node %s", j.To)
	}
	e, err := envelope.Parse(block)
	if err != nil {
		return err
	}
	return s.records.Directory.Showing(ctx, p, bag, []identity.Party{e.Header.Signer}, func(documents []string, along [][]byte) error {
		return p.Fiduciary.FulfillRevocation(ctx, peer.FulfillRevocation{
			RevocationCID: j.Revocation.String(), Documents: documents, Blocks: peer.NewBag(block).With(along...),
		})
	})
}

// Resume brings a revocation to a D-TA that has not taken it; it is what the courier
// calls. Whatever the D-TA says, it is told again: nobody forgets a revocation.
func (s *Service) Resume(ctx context.Context, payload []byte) error {
	var j revoking
	if err := dag.Decode(payload, &j); err != nil {
		return err
	}
	if err := s.resume(ctx, j); err != nil {
		return fault.New(fault.Unavailable, "revocation %s: %w", j.Revocation, err)
	}
	return nil
}

func (s *Service) resume(ctx context.Context, j revoking) error {
	n, _, err := s.known(ctx, j.Order, nil)
	if err != nil {
		return err
	}
	bag, err := s.bag(n)
	if err != nil {
		return err
	}
	v, err := s.records.Revocation(ctx, n.Order, j.Revocation, bag)
	if err != nil {
		return err
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return err
	}
	if v.Fresh(now) != nil || v.Signer().Document != s.records.Self().Document {
		return s.renew(ctx, n, v, j.To, bag, now)
	}
	if err := s.tell(ctx, j, v.Block(), bag); err != nil {
		return err
	}
	return s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit("network.informed", j.To, j.Order, j.Revocation, "")
	})
}

// renew signs a revocation again that its D-TA may no longer take for the first time:
// it has expired, or this node's key was replaced.
func (s *Service) renew(ctx context.Context, n *issue.Network, old *issue.VerifiedRevocation, to dag.CID, bag peer.Bag, now time.Time) error {
	sealed, err := old.Again(s.records.Keys, s.parties(ctx, n, bag), now)
	if err != nil {
		return err
	}
	v := &revocation{old.Mark(), old.Enrolment(), sealed, jobs(n, sealed.CID)}
	v.jobs = slices.DeleteFunc(v.jobs, func(other revoking) bool { return other.To != to })
	return s.records.Write(ctx, func(w *records.Writer) error { return v.write(w, n, s.records.Self().Name, 0) })
}
