package fiduciary

import (
	"context"
	"errors"
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

// FulfillRevocation remembers for ever that nothing more is issued to a subject.
// A repeat changes nothing.
func (s *Service) FulfillRevocation(ctx context.Context, req peer.FulfillRevocation) error {
	c, err := dag.Parse(req.RevocationCID)
	if err != nil {
		return fmt.Errorf("revocationCID: %w", err)
	}
	if err := s.revoke(ctx, c, req); err != nil && !errors.Is(err, errKnown) {
		return fault.About("revocation "+c.String(), err)
	}
	return nil
}

// errKnown undoes what was done before.
var errKnown = errors.New("it is known already")

func (s *Service) revoke(ctx context.Context, c dag.CID, req peer.FulfillRevocation) error {
	bag := req.Blocks
	// A revocation is its own answer. That its envelope is on record says nothing:
	// this node may be the one that made it.
	recorded, err := s.onRecord(ctx, c, bag)
	if err != nil {
		return err
	}
	if known, _, err := s.answer(ctx, recorded); err != nil || known == recorded {
		return err
	}
	e, o, err := s.beside(ctx, bag, c, envelope.Revocation)
	if err != nil {
		return err
	}
	if err := s.records.Lacks(ctx, bag, req.Documents, e.Header.Signer); err != nil {
		return err
	}
	v, err := s.records.Revocation(ctx, o, c, bag)
	if err != nil {
		return err
	}
	parties, err := s.inForce(ctx, v, bag, v.Signer().Party())
	if err != nil {
		return err
	}
	return s.commitRevocation(ctx, o, v, parties)
}

func (s *Service) commitRevocation(ctx context.Context, o *order.VerifiedOrder, v *issue.VerifiedRevocation, parties []*identity.Identity) error {
	ref := records.Key(o)
	return s.records.Write(ctx, func(w *records.Writer) error {
		switch _, _, err := w.Answer(v.CID()); {
		case err == nil:
			return errKnown // another call of the same was first
		case fault.Of(err) != fault.NotFound:
			return err
		}
		for _, id := range parties {
			if err := w.Chain(id); err != nil {
				return err
			}
		}
		if err := w.Envelope(records.Chapter(o, v.CID()), envelope.Revocation, v.CID(), v.Block(), o.Terms().Publish); err != nil {
			return err
		}
		if err := w.PutAnswer(v.CID(), v.CID(), dag.CID{}); err != nil {
			return err
		}
		_, err := w.PutEnrolment(store.Enrolment{
			Role: Role, Reference: ref, Mark: v.Mark(), Number: v.Enrolment(), State: records.StateRevoked, Time: w.Now.UnixMilli(), CID: v.CID(),
		})
		if err != nil {
			return err
		}
		if err := w.Audit("network.revoked", v.Signer().Name, ref, v.CID(), ""); err != nil {
			return err
		}
		return s.tellRegistrar(w, o, envelope.Revocation, v.Signer().Name, v.CID())
	})
}
