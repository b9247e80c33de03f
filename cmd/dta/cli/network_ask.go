package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/order"
)

// asking is how something is asked for in a network: who else signs, under which
// delegation, and which network it must be.
type asking struct {
	coSigners  []string
	request    string // where the request is left for those who approve elsewhere
	approvals  []string
	delegation string
	pin        string
	enrolment  uint64
}

func (k *asking) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&k.coSigners, "co-signer", nil, "`URL` of a node that is to sign too; once for each")
	c.Flags().StringVar(&k.request, "request", "", "leave the request in this `FILE`, for dta network approve, and wait for the approvals")
	c.Flags().StringArrayVar(&k.approvals, "approval", nil, "`FILE` where an approval is going to be; once for each")
	c.Flags().StringVar(&k.delegation, "delegation", "", "`FILE` of a delegation to this node, from dta network delegate")
	c.Flags().StringVar(&k.pin, "network-cid", "", "`CID` of the order that the network must be; what the node says by default")
}

// numberFlag adds --enrolment.
func (k *asking) numberFlag(c *cobra.Command) {
	c.Flags().Uint64Var(&k.enrolment, "enrolment", 0, "the enrolment's `NUMBER`, from 0; as the node counts by default")
}

// number is nil where the command was given none.
func (k *asking) number(c *cobra.Command) *uint64 {
	if !c.Flags().Changed("enrolment") {
		return nil
	}
	return &k.enrolment
}

// obtain has something issued to a key made here, and checks all of it: that this
// is the network, that what was asked is what was wanted, and every D-TA's share.
func (a *app) obtain(ctx context.Context, n *rest.NetworkAnswer, kind order.IssueKind, req rest.IssueRequest, k asking) (*issue.Received, error) {
	if n.State != string(order.Accepted) {
		return nil, fault.New(fault.Unavailable, "the network is %s: nothing is issued before all its D-TAs have accepted", fault.Foreign(n.State))
	}
	pin, mandate, err := pinned(n, k)
	if err != nil {
		return nil, err
	}
	req.Delegation = mandate
	key, err := seal.V2.NewPrivateKey()
	if err != nil {
		return nil, err
	}
	defer key.Clear()
	req.Receiver = key.Public()
	wanted := wanted{n, pin, kind, req}
	got, err := a.issued(ctx, wanted, k)
	if err != nil {
		return nil, err
	}
	received, err := issue.Receive(delivery(got), pin, key)
	var bad *issue.BadShare
	if errors.As(err, &bad) {
		return nil, a.accuse(ctx, n, got, bad)
	}
	if err != nil {
		return nil, fault.New(kindOf(err), "what was issued does not hold: %w", err)
	}
	if err := wanted.is(received.Request.Request()); err != nil {
		received.Clear()
		return nil, err
	}
	return received, nil
}

// kindOf is what a mistake of others is to this command's user: trying again may
// help, and the input was right.
func kindOf(err error) fault.Kind {
	if fault.Of(err) == fault.Denied {
		return fault.Denied
	}
	return fault.Unavailable
}

// delivery is an answer as a receiver checks it.
func delivery(got *rest.IssueAnswer) issue.Delivery {
	d := issue.Delivery{Charter: got.Charter}
	if got.Request != nil {
		d.Request = issue.OpenedPart{Envelope: got.Request.Envelope, Plain: got.Request.Plain}
		d.Roll = got.Request.Roll
	}
	for _, g := range got.Grants {
		d.Grants = append(d.Grants, issue.Delivered{OpenedPart: issue.OpenedPart{Envelope: g.Envelope, Plain: g.Plain}, Share: g.Share})
	}
	return d
}

// wanted is what this command is to ask for, of which network, to which key.
type wanted struct {
	network *rest.NetworkAnswer
	order   dag.CID // the network's
	kind    order.IssueKind
	rest.IssueRequest
}

// is holds a request of the node's to what is wanted: one that differs would have
// others approve something else, or issue it to someone else.
func (w wanted) is(r *issue.Asked) error {
	differs := func(format string, args ...any) error {
		return fault.New(fault.Unavailable, "the node's answer: "+format, args...)
	}
	switch {
	case r.Order != w.order:
		return differs("expected the network of order %s; found %s", w.order, r.Order)
	case r.Kind != w.kind:
		return differs("expected a %s; found a %s", w.kind, r.Kind)
	case !bytes.Equal(r.Receiver, w.Receiver):
		return differs("expected it sealed to the key made here; found another")
	case len(r.Subjects) != 1 || r.Subjects[0].Name != w.Name:
		return differs("expected what is for %q", w.Name)
	case w.Enrolment != nil && r.Subjects[0].Enrolment != *w.Enrolment:
		return differs("expected enrolment %d; found %d", *w.Enrolment, r.Subjects[0].Enrolment)
	case w.kind == order.TimePermit && (r.Days != max(w.Days, 1) || !w.begins(r.First)):
		return differs("expected permits for other days")
	}
	return nil
}

// begins tells whether a day is the first one wanted. By default that is today, which
// may be over by one of two clocks.
func (w wanted) begins(first uint64) bool {
	if w.First != "" {
		return first <= math.MaxUint32 && credential.Day(uint32(first)) == w.First
	}
	today := uint64(credential.Today(time.Now()))
	return first+1 >= today && first <= today+1
}

// issued asks the node, and gathers approvals where they are needed.
func (a *app) issued(ctx context.Context, w wanted, k asking) (*rest.IssueAnswer, error) {
	n, kind, req := w.network, w.kind, w.IssueRequest
	path := fmt.Sprintf("%s/%s/%s", networkPath, n.Reference, kind)
	once := rand.Text()
	var got rest.IssueAnswer
	if err := a.call(ctx, http.MethodPost, path, once, req, &got); err != nil {
		return nil, err
	}
	if got.State == "approval" {
		approvals, err := a.gather(ctx, w, &got, k)
		if err != nil {
			return nil, err
		}
		req = rest.IssueRequest{Request: got.Pending, Approvals: approvals, Delegation: req.Delegation, Enrolment: req.Enrolment}
		got = rest.IssueAnswer{}
		once = rand.Text()
		if err := a.call(ctx, http.MethodPost, path, once, req, &got); err != nil {
			return nil, err
		}
	}
	if got.State == "approval" {
		return nil, fault.New(fault.Denied, "the network wants %s than were given", counted(got.Needed, "more approval", "more approvals"))
	}
	err := a.faults(n, got.Faults)
	if err != nil && kind == order.ClientSecret && len(got.Subjects) == 1 {
		// The number is taken, though nothing came of it.
		err = fault.New(fault.Of(err), "%w; ask again with --enrolment %d", err, got.Subjects[0].Enrolment)
	}
	return &got, err
}
