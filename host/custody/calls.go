package custody

import (
	"context"
	"slices"

	"github.com/milagro-dta/dta/host/fiduciary"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

var _ fiduciary.Custodian = (*Instance)(nil)

// Safeguard implements [fiduciary.Custodian].
func (i *Instance) Safeguard(ctx context.Context, req fiduciary.Safeguard) (kept fiduciary.Kept, err error) {
	err = i.call(ctx, func(ctx context.Context, c *contract.Client) error {
		answer, err := showing(ctx, c, req.Parties, func() (*contract.SafeguardResponse, error) {
			return c.Custody.Safeguard(ctx, &contract.SafeguardRequest{
				OperationId: contract.OperationID(req.Operation, i.name, req.Purpose),
				Order:       shown(req.Order), Documents: documents(req.Parties), Share: req.Share, Checkpoint: req.Checkpoint,
			})
		})
		if err == nil {
			err = i.mayKeep(ctx, c)
		}
		if err != nil {
			return err
		}
		kept = fiduciary.Kept{Deposit: answer.GetDeposit(), Acceptance: seen(answer.GetAcceptance())}
		return nil
	})
	return kept, err
}

// Restore implements [fiduciary.Custodian].
func (i *Instance) Restore(ctx context.Context, req fiduciary.Restore) (restored fiduciary.Restored, err error) {
	err = i.call(ctx, func(ctx context.Context, c *contract.Client) error {
		answer, err := showing(ctx, c, req.Parties, func() (*contract.RestoreResponse, error) {
			return c.Custody.Restore(ctx, &contract.RestoreRequest{
				OperationId: contract.OperationID(req.Operation, i.name, req.Purpose),
				Order:       shown(req.Order), Acceptance: shown(req.Acceptance), Redemption: shown(req.Redemption),
				Documents: documents(req.Parties), Deposit: req.Deposit, Checkpoint: req.Checkpoint,
			})
		})
		if err != nil {
			return err
		}
		restored = fiduciary.Restored{Release: seen(answer.GetRelease()), Share: answer.GetShare()}
		return nil
	})
	return restored, err
}

// Issue implements [fiduciary.Custodian]. A plugin that does not list the service
// of issuing is fault.Unsupported.
func (i *Instance) Issue(ctx context.Context, req fiduciary.Issue) (issued fiduciary.Issued, err error) {
	err = i.call(ctx, func(ctx context.Context, c *contract.Client) error {
		if !slices.Contains(i.About().GetServices(), contract.Issuing_ServiceDesc.ServiceName) {
			return fault.New(fault.Unsupported, "plugins of type %q do not issue", i.Type())
		}
		if i.replaced.Load() {
			return fault.New(fault.Unavailable, "nothing new is issued: %w", errReplaced)
		}
		answer, err := showing(ctx, c, req.Parties, func() (*contract.IssueResponse, error) {
			return c.Issuing.Issue(ctx, &contract.IssueRequest{
				OperationId: contract.OperationID(req.Operation, i.name, "network-share"),
				Order:       shown(req.Order), Acceptance: shown(req.Acceptance), Request: shown(req.Request),
				Documents: documents(req.Parties), Deposit: req.Deposit, Checkpoint: req.Checkpoint, Roll: req.Roll,
			})
		})
		if err != nil {
			return err
		}
		issued = fiduciary.Issued{Grant: seen(answer.GetGrant()), Share: answer.GetShare()}
		return nil
	})
	return issued, err
}

func shown(s fiduciary.Shown) *contract.Shown {
	return &contract.Shown{Envelope: s.Block, Plain: s.Plain}
}

func seen(s *contract.Shown) fiduciary.Shown {
	return fiduciary.Shown{Block: s.GetEnvelope(), Plain: s.GetPlain()}
}
