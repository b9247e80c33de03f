package registrar

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// Finding is what this node found out about a D-TA that a receiver has named.
type Finding struct {
	Custody dag.CID
	Verdict string  // confirmed, not confirmed, or unchecked
	Reason  string  // of the D-TA's failure, or why nothing was checked
	Request dag.CID // of the trial; undefined where there was none
}

// Report takes a receiver's word that a D-TA's share was bad, and tries the D-TA: it
// asks for the client secret of an identity that nobody has. What the receiver
// opened could not be shown to this node, for with its proof it would be a test for
// that person's PIN.
func (s *Service) Report(ctx context.Context, ref string, request dag.CID, index int, reason string) (*Finding, error) {
	n, _, err := s.known(ctx, ref, nil)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= len(n.Acceptances) {
		return nil, fault.New(fault.Invalid, "index: expected a D-TA of 0 to %d; found %d", len(n.Acceptances)-1, index)
	}
	out := &Finding{Custody: n.Acceptances[index].Custody()}
	err = s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit("network.reported", out.Custody, ref, request, reason)
	})
	if err != nil {
		return nil, err
	}
	if err := s.try(ctx, n, index, out); err != nil {
		return nil, err
	}
	return out, s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit("network.fault", out.Custody, ref, out.Request, out.Verdict)
	})
}

// try asks for a throw-away identity and checks what the D-TA answers.
func (s *Service) try(ctx context.Context, n *issue.Network, index int, out *Finding) error {
	key, err := seal.V1.NewPrivateKey()
	if err != nil {
		return err
	}
	defer key.Clear()
	in := Inquiry{
		Network: n.Order.Terms().ReferenceHex(), Kind: order.ClientSecret, Receiver: key.Public(), Enrolment: new(uint64),
		Names: []string{fmt.Sprintf("trial-%s", hex.EncodeToString(secret.Random(16).Open()))},
	}
	if n.Terms.Suite != mpin.AMCL.Name {
		*in.Enrolment = 1
	}
	asked, err := s.Ask(ctx, in)
	if err != nil {
		return err
	}
	out.Verdict = "unchecked"
	if asked.Needed > 0 {
		out.Reason = fmt.Sprintf("a trial needs %d more approvals", asked.Needed)
		return nil
	}
	out.Request = asked.Asked.CID()
	for _, f := range asked.Faults {
		if f.Index == index {
			out.Reason = f.Reason
			if f.Verdict == Faulty {
				out.Verdict = "confirmed"
			}
			return nil
		}
	}
	for _, g := range asked.Grants {
		if g.Index() != index {
			continue
		}
		share, err := issue.OpenShare(g.VerifiedGrant, g.Share, key)
		share.Clear()
		var bad *issue.BadShare
		switch {
		case errors.As(err, &bad):
			out.Verdict, out.Reason = "confirmed", string(bad.Reason)
		case err != nil:
			out.Verdict, out.Reason = "confirmed", fault.Public(err)
		default:
			out.Verdict = "not confirmed"
		}
	}
	return nil
}
