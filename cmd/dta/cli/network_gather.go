package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/milagro-dta/dta/cmd/dta/newfile"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
)

// knownWithin is how long a co-signer may take to hear of a network.
const knownWithin = 10 * time.Second

// gather asks the co-signers, then waits for the files of others.
func (a *app) gather(ctx context.Context, w wanted, pending *rest.IssueAnswer, k asking) ([][]byte, error) {
	r, err := issue.ParseAsked(pending.Pending)
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
			if kind := fault.Of(err); kind != fault.NotFound && kind != fault.Conflict || time.Now().After(end) {
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
