package registrar

import (
	"context"
	"sync"
	"time"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/peer"
)

// revoking is the payload of records.JobRevoke.
type revoking struct {
	Reference  string  `cbor:"reference"`
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

// Revoke has nothing more issued to a name: to its newest enrolment and all before,
// or to the one given and all before.
func (s *Service) Revoke(ctx context.Context, ref, name string, enrolment *uint64) (*Revoked, error) {
	n, _, err := s.known(ctx, ref, nil)
	if err != nil {
		return nil, err
	}
	e, known, err := s.newest(ctx, ref, name)
	if err != nil {
		return nil, err
	}
	subject := issue.Subject{Name: name, Enrolment: e.Number}
	switch {
	case enrolment != nil:
		subject.Enrolment = *enrolment
	case !known:
		return nil, fault.New(fault.NotFound, "%q: this node has enrolled nobody of that name; give the enrolment", name)
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return nil, err
	}
	bag, err := s.bag(n)
	if err != nil {
		return nil, err
	}
	sealed, err := issue.Revoke(s.records.Keys, n.Order, subject, s.records.Directory.Parties(ctx, bag), now)
	if err != nil {
		return nil, err
	}
	jobs := s.jobs(n, sealed.CID)
	err = s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Envelope(chapter(n.Order, sealed.CID), envelope.Revocation, sealed.CID, sealed.Block, n.Order.Terms().Publish); err != nil {
			return err
		}
		if err := markRevoked(w, ref, subject, sealed.CID); err != nil {
			return err
		}
		for _, j := range jobs {
			if err := w.LaterTo(j.To.String(), records.JobRevoke, j.key(), j, telling); err != nil {
				return err
			}
		}
		return w.Audit("network.revoked", s.records.Self().Name, ref, sealed.CID, "")
	})
	if err != nil {
		return nil, err
	}
	out := &Revoked{Subject: subject, CID: sealed.CID, LastDay: issue.Day(now) + n.Terms.MaxDays}
	s.tellAll(ctx, jobs, bag.With(sealed.Block), out)
	return out, nil
}

// markRevoked notes the revocation of a name's enrolments up to one.
func markRevoked(w *records.Writer, ref string, subject issue.Subject, c dag.CID) error {
	e := store.Enrolment{
		Role: Role, Reference: ref, Name: subject.Name, Number: subject.Enrolment, State: stateRevoked, Time: w.Now.UnixMilli(), CID: c,
	}
	added, err := w.PutEnrolment(e)
	if err != nil || added {
		return err
	}
	err = w.SaveEnrolment(e, stateEnrolled)
	if fault.Of(err) == fault.Conflict {
		return nil // it was revoked before
	}
	return err
}

func (j revoking) key() string { return j.Revocation.String() + " " + j.To.String() }

// jobs is one for each node that serves the network.
func (s *Service) jobs(n *issue.Network, c dag.CID) (out []revoking) {
	seen := make(map[dag.CID]bool)
	for _, f := range n.Order.Terms().Fiduciaries {
		if !seen[f.Node.Name] {
			seen[f.Node.Name] = true
			out = append(out, revoking{n.Order.Terms().ReferenceHex(), c, f.Node.Name})
		}
	}
	return out
}

func (s *Service) tellAll(ctx context.Context, jobs []revoking, bag peer.Bag, out *Revoked) {
	ctx, cancel := context.WithTimeout(ctx, telling)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, j := range jobs {
		all.Go(func() {
			err := s.tell(ctx, j, bag)
			if err == nil {
				err = s.records.Write(ctx, func(w *records.Writer) error {
					if err := w.Done(records.JobRevoke, j.key()); err != nil {
						return err
					}
					return w.Audit("network.informed", j.To, j.Reference, j.Revocation, "")
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

func (s *Service) tell(ctx context.Context, j revoking, bag peer.Bag) error {
	p, ok := s.records.Directory.PeerOf(j.To)
	if !ok {
		return fault.New(fault.Unavailable, "no peer block names node %s", j.To)
	}
	return p.Fiduciary.FulfillRevocation(ctx, peer.FulfillRevocation{RevocationCID: j.Revocation.String(), Blocks: bag})
}

// Resume brings a revocation to a D-TA that has not taken it; it is what the courier
// calls. Whatever the D-TA says, it is told again: nobody forgets a revocation.
func (s *Service) Resume(ctx context.Context, payload []byte) error {
	var j revoking
	if err := dag.Decode(payload, &j); err != nil {
		return err
	}
	n, _, err := s.known(ctx, j.Reference, nil)
	if err != nil {
		return err
	}
	bag, err := s.bag(n)
	if err != nil {
		return err
	}
	block, err := s.records.Get(ctx, j.Revocation)
	if err != nil {
		return err
	}
	if err := s.tell(ctx, j, bag.With(block)); err != nil {
		return fault.New(fault.Unavailable, "revocation %s: %w", j.Revocation, err)
	}
	return s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit("network.informed", j.To, j.Reference, j.Revocation, "")
	})
}
