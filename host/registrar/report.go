package registrar

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/records"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// What a trial may find.
const (
	Confirmed    = "confirmed"
	NotConfirmed = "not confirmed"
	Unchecked    = "unchecked"
)

// Finding is what this node found out about a D-TA that a receiver has named.
type Finding struct {
	Custody dag.CID
	Verdict string
	Reason  string  // of the D-TA's failure, or why nothing was checked
	Request dag.CID // of the trial; undefined where there was none
}

// Report takes a receiver's word that a D-TA's share was bad, and tries the D-TA: it
// asks for the client secret of an identity that nobody has. Only what its custody
// identity has signed confirms it: its host could answer anything else. What the receiver
// opened could not be shown to this node, for with its proof it would be a test for
// that person's PIN.
func (s *Service) Report(ctx context.Context, ref string, request dag.CID, index int, reason string) (*Finding, error) {
	n, _, err := s.known(ctx, ref, nil)
	if err != nil {
		return nil, err
	}
	ref = records.Key(n.Order)
	if index < 0 || index >= len(n.Acceptances) {
		return nil, fault.New(fault.Invalid, "index: expected a D-TA of 0 to %d; found %d", len(n.Acceptances)-1, index)
	}
	out := &Finding{Custody: n.Acceptances[index].Custody()}
	err = s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit("network.reported", out.Custody, ref, request, given(reason))
	})
	if err != nil {
		return nil, err
	}
	if err := s.try(ctx, n, index, s.nobody(ctx, n, request), out); err != nil {
		return nil, err
	}
	kind := "network.tried"
	if out.Verdict == Confirmed {
		kind = "network.fault"
	}
	return out, s.records.Write(ctx, func(w *records.Writer) error {
		return w.Audit(kind, out.Custody, ref, out.Request, out.Verdict)
	})
}

// given is a reason that receivers give, or another: the audit log keeps for ever
// what is written into it, and takes no text of callers.
func given(reason string) string {
	for _, r := range []order.Reason{order.NotWellFormed, order.DoesNotOpen, order.NotAsAccepted} {
		if reason == string(r) {
			return reason
		}
	}
	return "another reason"
}

// nobody is a name that looks like those of the request in question: a D-TA that
// knew a trial would pass it.
func (s *Service) nobody(ctx context.Context, n *issue.Network, request dag.CID) string {
	name := strings.ToLower(rand.Text()[:12])
	bag, err := s.bag(n)
	if err != nil {
		return name
	}
	q, err := s.records.Request(ctx, n.Order, request, bag)
	if err != nil || !q.Rolled() {
		return name
	}
	if _, domain, ok := strings.Cut(q.Request().Subjects[0].Name, "@"); ok && len(domain) <= 100 {
		name += "@" + domain
	}
	return name
}

// try asks for a throw-away identity and checks what the D-TA answers.
func (s *Service) try(ctx context.Context, n *issue.Network, index int, name string, out *Finding) error {
	key, err := seal.V2.NewPrivateKey()
	if err != nil {
		return err
	}
	defer key.Clear()
	in := Inquiry{
		Network: records.Key(n.Order), Kind: order.ClientSecret, Receiver: key.Public(), Enrolment: new(uint64),
		Names: []string{name},
	}
	if counts(n) {
		*in.Enrolment = 1
	}
	asked, err := s.Ask(ctx, in)
	if err != nil {
		return err
	}
	out.Verdict = Unchecked
	if asked.Needed > 0 {
		out.Reason = fmt.Sprintf("a trial lacks approvals: %d", asked.Needed)
		return nil
	}
	out.Request = asked.Asked.CID()
	for _, f := range asked.Faults {
		if f.Index == index {
			out.Reason = f.Reason
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
			out.Verdict, out.Reason = Confirmed, string(bad.Reason)
		case err != nil:
			out.Reason = fault.Public(err)
		default:
			out.Verdict = NotConfirmed
		}
	}
	return nil
}
