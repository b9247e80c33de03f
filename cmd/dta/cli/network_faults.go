package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/issue"
)

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
