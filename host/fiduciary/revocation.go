package fiduciary

import (
	"context"
	"fmt"

	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/host/store"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

// stateRevoked is the one state in which a fiduciary remembers enrolments.
const stateRevoked = "revoked"

// FulfillRevocation remembers for ever that nothing more is issued to a subject.
// A repeat changes nothing.
func (s *Service) FulfillRevocation(ctx context.Context, req peer.FulfillRevocation) error {
	c, err := dag.Parse(req.RevocationCID)
	if err != nil {
		return fmt.Errorf("revocationCID: %w", err)
	}
	if err := s.revoke(ctx, c, req.Blocks); err != nil {
		return fmt.Errorf("revocation %s: %w", c, err)
	}
	return nil
}

func (s *Service) revoke(ctx context.Context, c dag.CID, bag peer.Bag) error {
	block, ok := bag.Get(c)
	if !ok {
		return fault.New(fault.Invalid, "expected the revocation's block in the call")
	}
	o, err := s.network(ctx, block, envelope.Revocation)
	if err != nil {
		return err
	}
	v, err := s.records.Revocation(ctx, o, c, bag)
	if err != nil {
		return err
	}
	ref, own, subject := o.Terms().ReferenceHex(), chapter(o, c), v.Subject()
	if links, err := s.records.Envelopes(ctx, own); err != nil || len(links) > 0 {
		return err
	}
	now, err := s.records.Clock.Now()
	if err != nil {
		return err
	}
	if err := records.Fresh(v.Block(), now); err != nil {
		return err
	}
	return s.records.Write(ctx, func(w *records.Writer) error {
		if err := w.Chain(v.Signer()); err != nil {
			return err
		}
		if err := w.Envelope(own, envelope.Revocation, c, v.Block(), o.Terms().Publish); err != nil {
			return err
		}
		_, err := w.PutEnrolment(store.Enrolment{
			Role: Role, Reference: ref, Name: subject.Name, Number: subject.Enrolment, State: stateRevoked, Time: w.Now.UnixMilli(), CID: c,
		})
		if err != nil {
			return err
		}
		return w.Audit("network.revoked", v.Signer().Name, ref, c, "")
	})
}
