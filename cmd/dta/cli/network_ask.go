package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/milagro-dta/dta/cmd/dta/authn/credential"
	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/crypto/secret"
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

// newFile prepares the file that --out names.
func newFile(out string) (*newfile.Place, error) {
	if out == "" {
		return nil, usagef("expected --out FILE")
	}
	return newfile.New(out)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readSmall reads a file that is no secret, of 1 byte to 2 MiB.
func readSmall(flag, path string) ([]byte, error) {
	const limit = 2 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, usagef("%s: %w", flag, err)
	case len(text) == 0:
		return nil, usagef("%s %s: the file is empty", flag, path)
	case len(text) > limit:
		return nil, usagef("%s %s: expected at most %d bytes; the file has more", flag, path, limit)
	}
	return text, nil
}

// readRequest reads what asks for an approval.
func readRequest(path string) ([]byte, *issue.Request, error) {
	block, err := readSmall("--request", path)
	if err != nil {
		return nil, nil, err
	}
	r, err := issue.ParseRequest(block)
	if err != nil {
		return nil, nil, usagef("--request %s: expected a request, as the --request of the command that waits leaves it: %w", path, err)
	}
	return block, r, nil
}

// readMandate reads a delegation, and the network that it is of.
func readMandate(path string) ([]byte, *issue.Network, error) {
	block, err := readSmall("--delegation", path)
	if err != nil {
		return nil, nil, err
	}
	network, _, err := issue.ReadMandate(block)
	if err != nil {
		return nil, nil, usagef("--delegation %s: expected a delegation, as dta network delegate writes it: %w", path, err)
	}
	return block, network, nil
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
	key, err := seal.V1.NewPrivateKey()
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
		d.Request = issue.OpenedPart(*got.Request)
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
func (w wanted) is(r *issue.Request) error {
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

// faults names the D-TAs that gave no answer that holds.
func (a *app) faults(n *rest.NetworkAnswer, faults []rest.IssueFault) error {
	if len(faults) == 0 {
		return nil
	}
	kind := fault.Unavailable
	for _, f := range faults {
		fmt.Fprintf(a.err, "dta: %s was %s: %s\n", calledMember(n, f.Index), fault.Foreign(f.Verdict), fault.Foreign(f.Reason))
		if f.Verdict == "refused" && fault.Kind(f.Kind) == fault.Denied {
			kind = fault.Denied
		}
	}
	return fault.New(kind, "%d of %s gave nothing that holds, and all are needed", len(faults), counted(len(n.Members), "D-TA", "D-TAs"))
}

func calledMember(n *rest.NetworkAnswer, index int) string {
	if index < 0 || index >= len(n.Members) {
		return fmt.Sprintf("D-TA %d", index)
	}
	return fmt.Sprintf("D-TA %d, %s,", index, memberName(n.Members[index]))
}

// accuse names a D-TA whose share is bad and tells the registrar, which has it
// answer again for a throw-away identity: what was opened here is shown to nobody.
func (a *app) accuse(ctx context.Context, n *rest.NetworkAnswer, got *rest.IssueAnswer, bad *issue.BadShare) error {
	who := calledMember(n, bad.Index)
	fmt.Fprintf(a.err, "dta: %s signed a share that is not the one it committed to (%s)\n", who, bad.Reason)
	var said rest.ReportAnswer
	err := a.call(ctx, http.MethodPost, networkPath+"/"+n.Reference+"/report", "", rest.ReportRequest{
		RequestCID: got.RequestCID, Index: bad.Index, Reason: string(bad.Reason),
	}, &said)
	if err != nil {
		fmt.Fprintf(a.err, "dta: it could not be reported to the registrar: %v\n", err)
	} else {
		fmt.Fprintf(a.err, "dta: reported to the registrar: %s\n", fault.Foreign(said.Verdict+" "+said.Reason))
	}
	return fault.New(fault.Unavailable, "%s custody identity %s, gave a bad share; nothing was written", who, bad.Custody)
}

// knownWithin is how long a co-signer may take to hear of a network.
const knownWithin = 10 * time.Second

// gather asks the co-signers, then waits for the files of others.
func (a *app) gather(ctx context.Context, w wanted, pending *rest.IssueAnswer, k asking) ([][]byte, error) {
	r, err := issue.ParseRequest(pending.Pending)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the node's answer: request: %w", err)
	}
	if err := w.is(r); err != nil {
		return nil, fault.New(fault.Denied, "nobody is asked to approve: %w", err)
	}
	fmt.Fprintf(a.err, "dta: approvals are asked for a %s\n", summary(r))
	approvals := pending.Approvals
	for _, url := range k.coSigners {
		var got rest.ApprovalAnswer
		told := false
		path := networkPath + "/" + w.network.Reference + "/approval"
		for end := time.Now().Add(knownWithin); ; {
			err = a.callAt(ctx, url, http.MethodPost, path, "", rest.ApprovalRequest{Request: pending.Pending}, &got)
			// It hears of the network from the D-TAs, as each accepts: until then it
			// does not know it, or not all of it.
			if k := fault.Of(err); k != fault.NotFound && k != fault.Conflict || time.Now().After(end) {
				break
			}
			if !told {
				fmt.Fprintf(a.err, "dta: waiting until %s knows the network\n", url)
				told = true
			}
			if err := wait(ctx, 200*time.Millisecond); err != nil {
				return nil, err
			}
		}
		if err != nil {
			return nil, fault.New(fault.Of(err), "co-signer %s: %w", url, err)
		}
		approvals = append(approvals, got.Approval)
	}
	missing := pending.Needed - len(k.coSigners)
	if missing <= 0 {
		return approvals, nil
	}
	if k.request == "" || len(k.approvals) == 0 {
		return nil, fault.New(fault.Denied, "the network wants %s than this node gives: name nodes that may sign with --co-signer, or files with --request and --approval", counted(missing, "more approval", "more approvals"))
	}
	place, err := newfile.Replace(k.request)
	if err != nil {
		return nil, err
	}
	defer place.Discard()
	if err := place.Write(secret.Copy(pending.Pending)); err != nil {
		return nil, err
	}
	fmt.Fprintf(a.err, "dta: waiting until %s for %s: have %s approved with dta network approve\n",
		time.UnixMilli(r.Expires).UTC().Format(time.TimeOnly), strings.Join(k.approvals, ", "), k.request)
	for _, path := range k.approvals {
		for !exists(path) {
			if time.Now().UnixMilli() > r.Expires {
				return nil, fault.New(fault.Deadline, "%s did not come before the request expired", path)
			}
			if err := wait(ctx, 200*time.Millisecond); err != nil {
				return nil, err
			}
		}
		approval, err := readSmall("--approval", path)
		if err != nil {
			return nil, err
		}
		approvals = append(approvals, approval)
	}
	return approvals, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// orderCID is the network's, where the node names one.
func orderCID(n *rest.NetworkAnswer) dag.CID {
	c, err := dag.Parse(n.OrderCID)
	if err != nil {
		return dag.CID{}
	}
	return c
}
