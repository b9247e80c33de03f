package issue

import (
	"bytes"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// OpenShare is the receiver's: it opens what a grant links and checks it against
// the D-TA's commitment. A key that is not the receiver's accuses nobody, it is
// fault.Denied; a block that is not the one linked may be anyone's fault, it is a
// *BadAnswer. From then on the fault is the D-TA's, and the error a *BadShare.
func OpenShare(g *VerifiedGrant, block []byte, receiver *seal.PrivateKey) (*Share, error) {
	if err := g.verified(); err != nil {
		return nil, err
	}
	if err := g.request.rolled(); err != nil {
		return nil, err
	}
	if !bytes.Equal(receiver.Public(), g.request.body.Request.Receiver) {
		return nil, fault.New(fault.Denied, "share of D-TA %d: expected the receiver's key, found another", g.Index())
	}
	if err := dag.Check(g.body.Share, block); err != nil {
		err = fault.New(fault.Invalid, "share: not the block that the grant links: %w", err)
		place(g.acceptance, &err)
		return nil, err
	}
	sealed, err := order.GetGrant(g.body.Share, block)
	if err != nil {
		return nil, g.blame(order.NotWellFormed, err)
	}
	suite, err := seal.ByName(g.request.order.Terms().Suite)
	if err != nil {
		return nil, err
	}
	plain, err := suite.OpenWith(receiver, g.request.grantInfo(g.Custody()), order.IndexAAD(g.Index()), sealed)
	if err != nil {
		return nil, g.blame(order.DoesNotOpen, err)
	}
	defer plain.Clear()
	s, err := parseShare(g.request, plain)
	if err != nil {
		return nil, g.blame(order.NotWellFormed, err)
	}
	if err := s.check(g.request, g.Custody(), g.acceptance.Commitment()); err != nil {
		s.Clear()
		return nil, g.blame(order.NotAsAccepted, err)
	}
	return s, nil
}

// Answer is one D-TA's share with the grant that brought it.
type Answer struct {
	Grant *VerifiedGrant
	Share *Share
}

// Secrets are what a receiver has in the end; the fields of the other kinds are
// empty. Clear what is secret after use.
type Secrets struct {
	Suite   mpin.Suite
	Clients []*mpin.ClientSecret // one for each subject
	Server  *mpin.ServerSecret
	Permits [][]*mpin.Permit // for each subject one for each day
}

// Clear overwrites the secrets; permits are none.
func (s *Secrets) Clear() {
	if s == nil {
		return
	}
	for _, c := range s.Clients {
		c.Clear()
	}
	s.Server.Clear()
}

// Combine adds the answers to one request, of every D-TA asked, each checked by
// OpenShare. Answers to different requests are refused: they would add up to
// nothing.
func Combine(r *VerifiedRequest, answers []Answer) (_ *Secrets, err error) {
	defer fault.Explain("combine", &err)
	if err := r.rolled(); err != nil {
		return nil, err
	}
	n, err := networkOf(r.order)
	if err != nil {
		return nil, err
	}
	if err := complete(r, answers); err != nil {
		return nil, err
	}
	out := &Secrets{}
	defer func() {
		if err != nil {
			out.Clear()
		}
	}()
	if out.Suite, err = mpin.ByName(n.Suite); err != nil {
		return nil, fault.New(fault.Unsupported, "%w", err)
	}
	switch q := r.Request(); q.Kind {
	case order.ServerSecret:
		err = out.addServer(answers)
	case order.TimePermit:
		err = out.addPermits(q, answers)
	default:
		err = out.addClients(r.points(), answers)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Secrets) addServer(answers []Answer) (err error) {
	shares := make([]*mpin.ServerSecret, len(answers))
	for i, a := range answers {
		if shares[i], err = s.Suite.ServerSecretOf(a.Share.box.Open().G2); err != nil {
			return fault.New(fault.Invalid, "%w", err)
		}
	}
	if s.Server, err = s.Suite.CombineServer(shares...); err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	return nil
}

func (s *Secrets) addClients(n int, answers []Answer) (err error) {
	shares := make([]*mpin.ClientSecret, len(answers))
	for subject := range n {
		for i, a := range answers {
			if shares[i], err = s.Suite.ClientSecretOf(a.Share.box.Open().G1[subject]); err != nil {
				return fault.New(fault.Invalid, "subject %d: %w", subject, err)
			}
		}
		c, err := s.Suite.CombineClient(shares...)
		if err != nil {
			return fault.New(fault.Invalid, "subject %d: %w", subject, err)
		}
		s.Clients = append(s.Clients, c)
	}
	return nil
}

func (s *Secrets) addPermits(q *Asked, answers []Answer) error {
	shares := make([]*mpin.Permit, len(answers))
	days := int(q.Days)
	for subject := range q.Subjects {
		permits := make([]*mpin.Permit, days)
		for day := range days {
			for i, a := range answers {
				shares[i] = &mpin.Permit{Day: uint32(q.First) + uint32(day), Point: a.Share.box.Open().G1[subject*days+day]}
			}
			var err error
			if permits[day], err = s.Suite.CombinePermit(shares...); err != nil {
				return fault.New(fault.Invalid, "subject %d: %w", subject, err)
			}
		}
		s.Permits = append(s.Permits, permits)
	}
	return nil
}

// complete wants one checked answer of each D-TA in the quorum.
func complete(r *VerifiedRequest, answers []Answer) error {
	q := r.Request()
	if len(answers) != len(q.Quorum) {
		return fault.New(fault.Unavailable, "expected the answers of all %d D-TAs, found %d", len(q.Quorum), len(answers))
	}
	seen := make(map[int]bool, len(answers))
	for _, a := range answers {
		if err := a.Grant.verified(); err != nil {
			return err
		}
		if a.Share.empty() {
			return fault.New(fault.Internal, "the share of D-TA %d was not opened, or is cleared", a.Grant.Index())
		}
		if a.Grant.request.CID() != r.CID() {
			return fault.New(fault.Invalid, "the grant of D-TA %d answers request %s, not %s", a.Grant.Index(), a.Grant.request.CID(), r.CID())
		}
		if seen[a.Grant.Index()] {
			return fault.New(fault.Invalid, "two answers of D-TA %d", a.Grant.Index())
		}
		seen[a.Grant.Index()] = true
		if err := a.Share.check(r, a.Grant.Custody(), a.Grant.acceptance.Commitment()); err != nil {
			// Nobody is accused: a share that OpenShare gave for this grant passes, so
			// that the caller has mixed them up.
			return fault.New(fault.Invalid, "the share beside the grant of D-TA %d is not the one opened with it: %w", a.Grant.Index(), err)
		}
	}
	return nil
}
